from __future__ import annotations

import json
from typing import Any

import pytest

from egma_app.capture.session import CaptureSession
from egma_app.capture.sitting import GateAnswer, Quality, SaidSentence, Setup, Station, clock_text
from egma_core.errors import RecordingError
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.store.values import TextEdit

SETUP = Setup(" Ada ", "mouse", Screen(1600, 1000, 340.0, 212.5, 600.0))
VIEWPORT = Viewport(5, "2.25.1", 1, Transform("image", "screen", 2.0, 0.0, 0.0, 2.0, 10.0, 20.0), Rect(0, 1, 2, 3), 40.0, 80.0, True)


class Wire:
    """A session and everything it has sent, as JSON lines would carry it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.session = CaptureSession(lambda command: self.sent.append(json.loads(json.dumps(command, allow_nan=False))))

    def reading(self) -> CaptureSession:
        self.session.open("library.sqlite", SETUP)
        self.session.handle({"event": "ready", "session_id": 1})
        self.session.begin(7)
        self.session.handle({"event": "begun", "reading_id": 3, "started_ns": 1_000_000_000})
        self.sent.clear()
        return self.session


@pytest.fixture
def wire() -> Wire:
    return Wire()


def test_a_reading_from_start_to_end(wire: Wire) -> None:
    session = wire.session
    assert session.state == "closed"
    session.open("library.sqlite", SETUP)
    assert session.state == "opening"
    assert wire.sent[-1] == {
        "do": "open",
        "library": "library.sqlite",
        "reader": "Ada",
        "screen": {"width_px": 1600, "height_px": 1000, "width_mm": 340.0, "height_mm": 212.5, "distance_mm": 600.0},
        "tracker": {"name": "mouse", "rate_hz": 100.0},
    }
    session.handle({"event": "ready", "session_id": 1})
    assert session.state == "ready"
    session.begin(7)
    assert (session.state, session.study_id, wire.sent[-1]) == ("beginning", 7, {"do": "begin", "study_id": 7})
    session.handle({"event": "begun", "reading_id": 3, "started_ns": 1_000_000_000})
    assert (session.state, session.reading_id, session.started_ns) == ("reading", 3, 1_000_000_000)
    session.say(SaidSentence("No effusion.", 2_000_000_000, 3_000_000_000))
    assert wire.sent[-1] == {
        "do": "sentence",
        "text": "No effusion.",
        "onset_ns": 2_000_000_000,
        "offset_ns": 3_000_000_000,
        "origin": "typed",
    }
    session.gate()
    assert (session.state, wire.sent[-1]) == ("reading", {"do": "gate"})
    session.handle({"event": "gate", "reading_id": 3, "loss": 0.02, "longest_gap_s": 0.4, "verdict": "green", "reasons": ["Fine."]})
    assert session.answer == GateAnswer(0.02, 0.4, "green", ("Fine.",))
    session.sign_off()
    end = {"do": "end", "state": "complete", "note": "", "decision": "signed_off", "reason": ""}
    assert (session.state, session.decision, wire.sent[-1]) == ("ending", "signed_off", end)
    session.handle({"event": "ended", "reading_id": 3, "state": "complete"})
    assert (session.state, session.reading_id, session.study_id, session.sentences) == ("ready", None, None, [])


def test_discarding_needs_a_reason(wire: Wire) -> None:
    session = wire.reading()
    with pytest.raises(RecordingError, match="without a reason"):
        session.discard("  ")
    session.discard(" wrong study ")
    assert wire.sent == [{"do": "end", "state": "discarded", "note": "wrong study", "decision": "discarded", "reason": "wrong study"}]


@pytest.mark.parametrize(("decision", "state"), [("kept", "complete"), ("redone", "discarded"), ("discarded", "discarded")])
def test_what_the_gate_did_not_pass_is_decided_with_a_reason(wire: Wire, decision: Any, state: str) -> None:
    session = wire.reading()
    with pytest.raises(RecordingError, match="without a reason"):
        session.sign_off(decision)
    assert session.state == "reading"
    session.sign_off(decision, "blinked a lot")
    assert [wire.sent[-1][name] for name in ("state", "decision", "reason")] == [state, decision, "blinked a lot"]
    session.handle({"event": "error", "what": "The disk is full.", "remedy": ""})
    assert (session.state, session.decision) == ("reading", None)


def test_a_sitting_asks_for_everything_that_was_chosen(wire: Wire) -> None:
    choices: dict[str, Any] = {"address": "tet-tcp://1", "rate_hz": 600.0, "microphone": "default", "microphone_options": {"gain": "2"}}
    setup = Setup("Ada", "tobii", SETUP.screen, **choices, protocol_name="pilot", protocol_toml='name = "pilot"')
    wire.session.open("library.sqlite", setup)
    sent = wire.sent[-1]
    assert sent["tracker"] == {"name": "tobii", "rate_hz": 600.0, "address": "tet-tcp://1"}
    assert sent["microphone"] == {"name": "default", "options": {"gain": "2"}}
    assert sent["protocol"] == {"name": "pilot", "toml": 'name = "pilot"'}
    wire.session.handle(
        {
            "event": "ready",
            "session_id": 4,
            "tracker": {"model": "Tobii Pro", "rate_hz": 600.0, "capabilities": ["calibration"], "display_mm": [531.0, 299.0]},
            "microphone": {"name": "Headset"},
            "free_bytes": 10**9,
        }
    )
    assert wire.session.station == Station(4, "Tobii Pro", 600.0, frozenset({"calibration"}), (531.0, 299.0), "Headset", 10**9)


def test_a_replay_names_its_reading(wire: Wire) -> None:
    wire.session.open("library.sqlite", Setup("Ada", "replay", SETUP.screen, replayed_id=12))
    assert wire.sent[-1]["tracker"] == {"name": "replay", "reading_id": 12}


def test_every_edit_and_every_heard_word_goes_with_the_reading(wire: Wire) -> None:
    wire.session.edit(TextEdit(1, 0, 0, "", "x"))
    wire.session.heard("moonshine", [["air", 5, 6, None]])
    assert wire.sent == [], "nobody records"
    session = wire.reading()
    session.edit(TextEdit(9, 2, 4, "a", "b"))
    session.heard("moonshine", [["air", 5, 6, 0.5]])
    session.say(SaidSentence("Air.", 5, 6, "dictation"))
    assert wire.sent == [
        {"do": "edit", "host_ns": 9, "line": 2, "position": 4, "removed": "a", "inserted": "b"},
        {"do": "heard", "engine": "moonshine", "words": [["air", 5, 6, 0.5]]},
        {"do": "sentence", "text": "Air.", "onset_ns": 5, "offset_ns": 6, "origin": "dictation"},
    ]


@pytest.mark.parametrize("act", ["begin", "say", "gate", "sign_off", "discard"])
def test_nothing_goes_without_a_session(wire: Wire, act: str) -> None:
    arguments: dict[str, tuple[Any, ...]] = {
        "begin": (1,),
        "say": (SaidSentence("x", 1, 2),),
        "sign_off": (),
        "discard": ("x",),
        "gate": (),
    }
    with pytest.raises(RecordingError, match="no session is open"):
        getattr(wire.session, act)(*arguments[act])
    assert wire.sent == []


def test_one_thing_at_a_time(wire: Wire) -> None:
    session = wire.reading()
    for act in (lambda: session.begin(8), lambda: session.open("library.sqlite", SETUP)):
        with pytest.raises(RecordingError, match="a reading is in progress"):
            act()
    session.sign_off()
    with pytest.raises(RecordingError, match="being ended"):
        session.sign_off()


def test_a_reader_without_a_name_opens_nothing(wire: Wire) -> None:
    with pytest.raises(RecordingError, match="no name"):
        wire.session.open("library.sqlite", Setup("  ", "mouse", SETUP.screen))
    assert wire.session.state == "closed"


def test_streams_flow_only_where_somebody_takes_them(wire: Wire) -> None:
    session = wire.session
    session.show(VIEWPORT)
    session.point(1, 0.5, 0.5)
    session.note("focus", "x")
    assert wire.sent == []
    session = wire.reading()
    session.show(VIEWPORT)
    session.point(9, 0.25, 0.75)
    session.note("focus", "Another program is in front.")
    assert wire.sent == [
        {
            "do": "viewport",
            "host_ns": 5,
            "instance_uid": "2.25.1",
            "frame": 1,
            "image_to_screen": [2.0, 0.0, 0.0, 2.0, 10.0, 20.0],
            "region": [0, 1, 2, 3],
            "window_center": 40.0,
            "window_width": 80.0,
            "inverted": True,
        },
        {"do": "pointer", "samples": [[9, 0.25, 0.75]]},
        {"do": "note", "kind": "focus", "text": "Another program is in front."},
    ]


def test_pointer_is_no_gaze_where_a_tracker_is_chosen() -> None:
    wire = Wire()
    wire.session.open("library.sqlite", Setup("Ada", "simulated", SETUP.screen))
    wire.session.handle({"event": "ready", "session_id": 1})
    wire.session.begin(1)
    wire.session.handle({"event": "begun", "reading_id": 1, "started_ns": 0})
    wire.session.point(1, 0.5, 0.5)
    assert all(command["do"] != "pointer" for command in wire.sent)


def test_progress_counts_for_its_own_reading(wire: Wire) -> None:
    session = wire.reading()
    progress = {"event": "progress", "safe_up_to_ns": 4, "now_ns": 5, "n_samples": 6, "n_waiting": 0, "rate_hz": 100.0, "loss_10s": 0.5}
    session.handle({**progress, "reading_id": 99})
    assert session.quality is None
    session.handle({**progress, "reading_id": 3})
    assert session.quality == Quality(4, 5, 6, 100.0, 0.5)
    more = {"distance_mm": 612.0, "audio_level_db": -23.5, "free_bytes": 7, "journal_ok": False}
    session.handle({**progress, **more, "reading_id": 3})
    assert session.quality == Quality(4, 5, 6, 100.0, 0.5, 612.0, -23.5, 7, journal_ok=False)


def test_a_refusal_falls_back_to_where_it_was_asked(wire: Wire) -> None:
    session = wire.session
    session.open("library.sqlite", SETUP)
    session.handle({"event": "ready", "session_id": 1})
    session.begin(7)
    complaint = session.handle({"event": "error", "what": "The tracker does not start.", "remedy": "Plug it in."})
    assert (str(complaint), session.state) == ("The tracker does not start. Plug it in.", "ready")
    session.begin(7)
    session.handle({"event": "begun", "reading_id": 3, "started_ns": 0})
    session.sign_off()
    session.handle({"event": "error", "what": "The disk is full.", "remedy": ""})
    assert session.state == "reading", "it can be signed off again"
    session.handle({"event": "error", "what": "A sample was late.", "remedy": ""})
    assert session.state == "reading"


def test_losing_the_process_says_what_is_safe(wire: Wire) -> None:
    assert wire.session.lost() == ""
    session = wire.reading()
    assert session.lost() == "00:00" and session.state == "closed"
    wire = Wire()
    session = wire.reading()
    session.quality = Quality(73_500_000_000, 74_000_000_000, 1, 100.0, 0.0)
    assert session.lost() == "01:12"


def test_clock() -> None:
    assert [clock_text(s) for s in (-1, 0, 59.9, 61, 3601)] == ["00:00", "00:00", "00:59", "01:01", "60:01"]
