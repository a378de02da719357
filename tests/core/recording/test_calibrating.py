"""A reader set up from the first guide to the last correction: the real class, a simulated subject, a clock that is wound."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from egma_core.child import Command
from egma_core.errors import ConfigError, EgmaError, RecordingError, StoreError, TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.validation import Look, validate
from egma_core.geometry import Screen
from egma_core.recording.calibrating import Calibrating
from egma_core.recording.clock import SimulatedClock
from egma_core.store.store import Store
from egma_core.store.values import CalibrationAttempt, CaptureSessionRecord
from egma_core.trackers.fed import FedTracker
from egma_core.trackers.simulated import SimulatedTracker
from egma_core.trackers.tracker import Tracker

SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
FIVE = [[0.5, 0.5], [0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.9, 0.9]]
OTHERS = [[0.2, 0.5], [0.5, 0.8], [0.8, 0.5], [0.5, 0.2]]
STEP_NS = 100_000_000


class Setting:
    """A session at a tracker, driven by commands as the window sends them."""

    def __init__(self, store: Store, tracker: Tracker | None = None, **subject: Any) -> None:
        self.clock = SimulatedClock(start_ns=10**12)
        choices = {"seed": 5, "offset_deg": 1.0, "blinks_per_min": 0.0, "losses_per_min": 0.0, **subject}
        self.tracker = tracker or SimulatedTracker(self.clock.now_ns, SCREEN, **choices)
        self.store = store
        reader = store.add_reader("Dr A").id
        assert reader is not None
        record = CaptureSessionRecord(reader, SCREEN, self.tracker.description, self.clock.now_ns(), self.clock.utc(), "0.1")
        session = store.begin_session(record).id
        assert session is not None
        self.session_id = session
        self.told: list[dict[str, Any]] = []
        self.calibrating = Calibrating(store, self.clock, self.tracker, session, SCREEN, self._emit)

    def _emit(self, event: str, **fields: Any) -> None:
        self.told.append({"event": event, **fields})

    def send(self, do: str, **fields: Any) -> None:
        self.calibrating.commands[do](Command(do, fields))

    def step(self, n: int = 1) -> None:
        for _ in range(n):
            self.clock.wait_until(self.clock.now_ns() + STEP_NS)
            self.calibrating.step()

    def wait_for(self, event: str, steps: int = 100, **fields: Any) -> dict[str, Any]:
        for _ in range(steps):
            for found in self.told:
                if found["event"] == event and all(found.get(name) == value for name, value in fields.items()):
                    self.told.remove(found)
                    return found
            self.step()
        raise AssertionError(f"no {event} {fields} came: {self.told}")

    def calibrate(self, points: list[list[float]] = FIVE) -> dict[str, Any]:
        self.send("calibrate", act="enter", points=points)
        self.wait_for("calibration", act="entered", ok=True)
        for point in points:
            self.send("calibrate", act="collect", point=point)
            self.wait_for("calibration", act="collected", point=point)
        self.send("calibrate", act="compute")
        computed = self.wait_for("calibration", act="computed")
        self.send("calibrate", act="leave")
        self.wait_for("calibration", act="left", ok=True)
        return computed

    def look(self, point: list[float], kind: str = "validation") -> dict[str, Any]:
        self.send("look", point=point, kind=kind)
        return self.wait_for("looked", point=point, kind=kind)

    def validate(self, points: list[list[float]] = OTHERS) -> dict[str, Any]:
        for point in points:
            self.look(point)
        self.send("judge", kind="validation")
        return self.wait_for("judged", kind="validation")

    def attempts(self, kind: str) -> list[CalibrationAttempt]:
        return [attempt for attempt in self.store.attempts(self.session_id) if attempt.kind == kind]

    def read(self) -> int:
        """A reading of the library's study, begun now."""
        begun = self.store.begin_reading(self.session_id, 1, self.clock.now_ns(), self.clock.utc()).id
        assert begun is not None
        return begun


@pytest.fixture
def setting(store: Store) -> Callable[..., Setting]:
    return lambda tracker=None, **subject: Setting(store, tracker, **subject)


def test_the_guide_tells_where_the_eyes_are_while_it_is_on(setting: Callable[..., Setting]) -> None:
    it = setting()
    it.send("guide", on=True)
    it.step(3)
    places = [event for event in it.told if event["event"] == "position"]
    assert len(places) == 3 and not it.calibrating.busy
    left, right = places[-1]["left"], places[-1]["right"]
    assert left[0] < 0.5 < right[0], "as in a mirror, the left eye is on the left"
    assert left[3] == pytest.approx(650, abs=20)
    it.send("guide", on=False)
    it.step(60)
    assert len([event for event in it.told if event["event"] == "position"]) == 3
    assert len(it.tracker.drain()) == 0 and it.tracker.drain() is not None, "the stream ended by itself"


def test_calibrating_takes_the_offset_out_and_everything_is_kept(setting: Callable[..., Setting]) -> None:
    it = setting()
    before = it.validate()["figures"]
    assert before["left"]["accuracy_deg"] > 0.5, "a simulated subject starts with offsets of about a degree"
    computed = it.calibrate()
    assert computed["eyes"] == ["left", "right"] and len(computed["points"]) == 5
    assert all(point["left"] > 10 and point["right"] > 10 for point in computed["points"])
    judged = it.validate()
    for eye in ("left", "right", "average"):
        assert judged["figures"][eye]["accuracy_deg"] < 0.4 and judged["figures"][eye]["loss"] == 0.0
    assert [look["point"] for look in judged["looks"]] == OTHERS and len(judged["looks"][0]["left"]) == 40
    kept = it.attempts("calibration")
    assert [attempt.id for attempt in kept] == [computed["attempt_id"]] and kept[0].data
    assert [list(point) for point in kept[0].points] == FIVE and len(kept[0].outcome["points"]) == 5
    first, second = it.attempts("validation")
    assert second.figures == judged["figures"] and second.id == judged["attempt_id"]
    assert first.outcome["calibration_id"] is None and second.outcome["calibration_id"] == computed["attempt_id"]
    looks = [Look(point, gaze) for point, gaze in zip(second.points, second.gaze, strict=True)]
    again = validate(looks, SCREEN).figures()
    assert again["left"] == pytest.approx(second.figures["left"]), "the raw samples behind the figures are kept"
    assert not it.calibrating.busy


def test_what_is_in_force_is_what_the_tracker_does(setting: Callable[..., Setting]) -> None:
    it = setting()
    assert it.store.accuracy_deg(it.read(), "average") is None
    first = it.calibrate()["attempt_id"]
    assert it.store.accuracy_deg(it.read(), "average") is None, "calibrated, but nobody knows how well"
    good = it.validate()
    assert it.store.accuracy_deg(it.read(), "left") == good["figures"]["left"]["accuracy_deg"]
    second = it.calibrate()["attempt_id"]
    assert it.store.accuracy_deg(it.read(), "left") is None, "the validation was of the one before"
    it.send("calibrate", act="apply", attempt_id=first)
    assert it.wait_for("calibration", act="applied")["attempt_id"] == first
    it.wait_for("calibration", act="left")
    with pytest.raises(RecordingError, match="another calibration"):
        it.send("use", calibration_id=second, validation_id=None)
    it.send("use", calibration_id=first, validation_id=good["attempt_id"])
    assert it.wait_for("used") == {"event": "used", "calibration_id": first, "validation_id": good["attempt_id"]}
    assert it.store.accuracy_deg(it.read(), "left") == good["figures"]["left"]["accuracy_deg"]
    assert not it.calibrating.busy


def test_the_earlier_calibration_is_really_back(setting: Callable[..., Setting]) -> None:
    """A subject that drifts is right only with the calibration made last; going back shows it."""
    it = setting(drift_deg_per_min=4.0)
    first = it.calibrate()["attempt_id"]
    it.step(600)
    drifted = it.validate()["figures"]["average"]["accuracy_deg"]
    it.calibrate()
    assert it.validate()["figures"]["average"]["accuracy_deg"] < drifted / 3
    it.send("calibrate", act="apply", attempt_id=first)
    it.wait_for("calibration", act="applied", ok=True)
    it.wait_for("calibration", act="left")
    assert it.validate()["figures"]["average"]["accuracy_deg"] == pytest.approx(drifted, rel=0.5)


def test_one_point_is_done_again(setting: Callable[..., Setting]) -> None:
    it = setting()
    it.calibrate()
    it.validate()
    it.look(OTHERS[1])
    it.send("judge", kind="validation")
    it.wait_for("judged")
    first, second = it.attempts("validation")
    assert second.points == first.points
    same = [a.rows.tobytes() == b.rows.tobytes() for a, b in zip(first.gaze, second.gaze, strict=True)]
    assert same == [True, False, True, True]
    it.send("forget_looks", point=OTHERS[0])
    it.send("judge", kind="validation")
    it.wait_for("judged")
    assert len(it.attempts("validation")[-1].points) == 3
    it.send("forget_looks")
    with pytest.raises(RecordingError, match="looked at a target"):
        it.send("judge", kind="validation")


def test_a_point_of_the_calibration_is_collected_anew(setting: Callable[..., Setting]) -> None:
    it = setting()
    it.send("calibrate", act="enter", points=FIVE)
    it.wait_for("calibration", act="entered")
    for point in FIVE:
        it.send("calibrate", act="collect", point=point)
        it.wait_for("calibration", act="collected")
    it.send("calibrate", act="discard", point=FIVE[2])
    assert it.wait_for("calibration", act="discarded")["point"] == FIVE[2]
    it.send("calibrate", act="collect", point=FIVE[2])
    it.wait_for("calibration", act="collected", ok=True)
    it.send("calibrate", act="compute")
    assert len(it.wait_for("calibration", act="computed")["points"]) == 5
    assert it.calibrating.busy


def test_a_failed_calibration_is_kept_and_nothing_of_it_counts(setting: Callable[..., Setting]) -> None:
    it = setting()
    good = it.calibrate()["attempt_id"]
    judged = it.validate()
    it.send("calibrate", act="enter", points=FIVE)
    it.wait_for("calibration", act="entered")
    it.send("calibrate", act="compute")
    failed = it.wait_for("calibration", act="computed")
    assert not failed["ok"] and failed["eyes"] == []
    assert [attempt.id for attempt in it.attempts("calibration")] == [good, failed["attempt_id"]]
    assert it.store.accuracy_deg(it.read(), "left") == judged["figures"]["left"]["accuracy_deg"]


def test_a_drift_check_is_corrected_and_the_correction_undone(setting: Callable[..., Setting]) -> None:
    it = setting(seed=11, drift_deg_per_min=1.0)  # both eyes drift the same way
    it.calibrate()
    it.validate()
    it.step(600)
    it.look([0.5, 0.5], "drift_check")
    it.send("judge", kind="drift_check")
    judged = it.wait_for("judged", kind="drift_check")
    drift = judged["figures"]["drift"]
    assert drift["deg"] > 1.0 and drift["apart_deg"] < 0.7 and drift["in_force"] == [0.0, 0.0]
    dx, dy = drift["correction"]
    it.send("correct", attempt_id=judged["attempt_id"], dx=dx, dy=dy, reason="Drift check.")
    it.wait_for("corrected", dx=dx, dy=dy)
    corrected = it.read()
    assert it.store.correction(corrected) == pytest.approx((dx, dy))
    it.look([0.5, 0.5], "drift_check")
    it.send("judge", kind="drift_check")
    after = it.wait_for("judged", kind="drift_check")["figures"]
    assert after["drift"]["deg"] < drift["deg"] / 2, "what is left after the correction"
    assert after["average"]["accuracy_deg"] == pytest.approx(drift["deg"], abs=0.4), "the raw figures stay raw"
    it.step()
    it.send("correct", attempt_id=judged["attempt_id"], dx=0.0, dy=0.0, reason="Undone.")
    assert it.store.correction(it.read()) == (0.0, 0.0)
    assert it.store.correction(corrected) == pytest.approx((dx, dy)), "a reading keeps what held when it began"
    assert it.store.accuracy_deg(it.read(), "left") is not None, "a drift check leaves the validation in force"


def test_a_new_calibration_ends_a_correction(setting: Callable[..., Setting]) -> None:
    it = setting()
    it.look([0.5, 0.5], "drift_check")
    it.send("judge", kind="drift_check")
    attempt = it.wait_for("judged")["attempt_id"]
    it.send("correct", attempt_id=attempt, dx=0.01, dy=-0.02, reason="Drift check.")
    assert it.store.correction(it.read()) == (0.01, -0.02)
    with pytest.raises(RecordingError, match="too far off"):
        it.send("correct", attempt_id=attempt, dx=0.3, dy=0.0, reason="Drift check.")
    it.calibrate()
    assert it.store.correction(it.read()) == (0.0, 0.0)


class TestTrackerWithoutCalibration:
    def test_it_says_so_and_validation_still_works(self, store: Store) -> None:
        clock = SimulatedClock(start_ns=10**12)
        mouse = FedTracker(clock.now_ns, 100.0)
        it = Setting(store, mouse)
        it.clock = clock
        it.calibrating = Calibrating(store, clock, mouse, it.session_id, SCREEN, it._emit)
        it.send("calibrate", act="enter", points=FIVE)
        refused = it.wait_for("calibration", act="entered")
        assert not refused["ok"] and "not calibrated by this program" in refused["error"]
        it.send("guide", on=True)
        assert it.wait_for("position") == {"event": "position", "left": None, "right": None}
        it.send("look", point=[0.2, 0.5], kind="validation", settle_ms=100, ms=200)
        assert it.calibrating.busy
        for _ in range(60):
            clock.wait_until(clock.now_ns() + 10_000_000)
            mouse.push(clock.now_ns(), 0.21, 0.5)
        looked = it.wait_for("looked")
        assert looked["n"] == 20 and looked["loss"] == 0.0
        it.send("judge", kind="validation")
        judged = it.wait_for("judged")
        assert judged["figures"]["average"]["offset_x_deg"] == pytest.approx(0.46, abs=0.02)


class FailingTracker(SimulatedTracker):
    failing = False

    def drain(self) -> GazeSamples:
        if self.failing:
            raise TrackerError("The tracker is gone.", "Plug it in.")
        return super().drain()


def test_a_tracker_that_fails_during_a_look_is_said_and_can_be_tried_again(setting: Callable[..., Setting], store: Store) -> None:
    clock = SimulatedClock(start_ns=10**12)
    tracker = FailingTracker(clock.now_ns, SCREEN, seed=3)
    it = Setting(store, tracker)
    it.clock = clock
    it.calibrating = Calibrating(store, clock, tracker, it.session_id, SCREEN, it._emit)
    tracker.failing = True
    it.send("look", point=[0.5, 0.5], kind="validation")
    failed = it.wait_for("looked")
    assert failed["error"] == "The tracker is gone." and failed["loss"] == 1.0 and not it.calibrating.busy
    tracker.failing = False
    assert it.look([0.5, 0.5])["n"] > 50


def test_a_reading_has_the_tracker_for_itself(setting: Callable[..., Setting]) -> None:
    it = setting()
    it.send("guide", on=True)
    it.step()
    it.calibrating.rest()
    for command in ({"do": "look", "point": [0.5, 0.5], "kind": "validation"}, {"do": "guide", "on": True}):
        with pytest.raises(RecordingError, match="being recorded"):
            it.send(**command)
    it.tracker.start()
    it.step()
    assert it.look([0.5, 0.5])["n"] > 50
    it.calibrating.close()
    assert not it.calibrating.busy


def test_a_look_gives_up_the_one_before(setting: Callable[..., Setting]) -> None:
    it = setting()
    it.send("look", point=[0.5, 0.5], kind="validation")
    it.step(3)
    assert it.look([0.5, 0.2])["loss"] == 0.0
    it.step(10)
    assert not [event for event in it.told if event["event"] == "looked"]
    it.send("judge", kind="validation")
    assert len(it.wait_for("judged")["figures"]["points"]) == 1


@pytest.mark.parametrize(
    ("do", "fields"),
    [
        ("look", {"point": [0.5], "kind": "validation"}),
        ("look", {"point": [0.5, 1.5], "kind": "validation"}),
        ("look", {"point": [0.5, math.nan], "kind": "validation"}),
        ("look", {"point": [0.5, True], "kind": "validation"}),
        ("look", {"point": [0.5, 0.5], "kind": "party"}),
        ("look", {"point": [0.5, 0.5], "kind": "validation", "ms": 1e9}),
        ("calibrate", {"act": "dance"}),
        ("calibrate", {"act": "collect"}),
        ("calibrate", {"act": "enter", "points": [["a", "b"]]}),
        ("judge", {"kind": "calibration"}),
        ("correct", {"attempt_id": 1, "dx": 0.0, "dy": 0.0}),
        ("guide", {}),
    ],
)
def test_senseless_commands_are_refused_in_words(setting: Callable[..., Setting], do: str, fields: dict[str, Any]) -> None:
    it = setting()
    with pytest.raises(ConfigError):
        it.send(do, **fields)
    it.step()
    assert it.told == [] and not it.calibrating.busy


def test_what_cannot_be_done_now_is_told_as_such(setting: Callable[..., Setting]) -> None:
    it = setting()
    it.send("calibrate", act="compute")
    told = it.wait_for("calibration", act="computed")
    assert not told["ok"] and "not in calibration mode" in told["error"] and told["remedy"]
    it.send("calibrate", act="apply", attempt_id=77)
    assert "no such calibration" in it.wait_for("calibration", act="applied")["error"]
    it.send("calibrate", act="enter", points=[])
    assert "needs points" in it.wait_for("calibration", act="entered")["error"]


def test_a_library_that_cannot_keep_an_attempt_is_said(setting: Callable[..., Setting], monkeypatch: pytest.MonkeyPatch) -> None:
    it = setting()

    def refuse(*_: object) -> None:
        raise StoreError("The disk is full.", "Make room.")

    monkeypatch.setattr(it.store, "add_attempt", refuse)
    it.send("calibrate", act="enter", points=FIVE)
    it.wait_for("calibration", act="entered")
    for point in FIVE:
        it.send("calibrate", act="collect", point=point)
        it.wait_for("calibration", act="collected")
    it.send("calibrate", act="compute")
    told = it.wait_for("calibration", act="computed")
    assert not told["ok"] and told["error"] == "The disk is full."
    it.look([0.5, 0.5])
    with pytest.raises(EgmaError, match="disk is full"):
        it.send("judge", kind="validation")
