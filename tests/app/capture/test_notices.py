from __future__ import annotations

from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from egma_app.capture.notices import Notices, clocks_notice, notice
from egma_app.capture.recording import Recording
from egma_app.messages import Banner
from egma_app.viewer.image_view import ImageView


def told(event: str, kind: str, text: str = "x") -> dict[str, Any]:
    return {"event": event, "kind": kind, "text": text}


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (told("tracker", "connection_lost"), "error"),
        (told("tracker", "connection_restored"), "good"),
        (told("tracker", "overflow"), "note"),
        (told("trouble", "disk"), "error"),
        (told("trouble", "sleep"), "note"),
    ],
)
def test_each_event_is_said_in_its_own_words(event: dict[str, Any], kind: str) -> None:
    said = notice(event)
    assert said is not None and (said[0].what, said[1]) == ("x", kind)


def test_what_nobody_need_know_is_not_said() -> None:
    assert notice(told("tracker", "calibration_changed")) is None
    assert notice({"event": "position", "left": None, "right": None}) is None


def test_only_clocks_that_ran_off_are_told() -> None:
    good = {"stream": "gaze", "residual_p99_ms": 0.2, "verdict": "good"}
    assert clocks_notice([good]) is None
    message = clocks_notice([good, {"stream": "audio", "residual_p99_ms": 31.24, "verdict": "flagged"}])
    assert message is not None and "that of the microphone by 31.2 ms" in message.what


def test_a_lost_tracker_stays_on_the_screen_until_it_is_back(qtbot: QtBot) -> None:
    view, banner = ImageView(), Banner()
    qtbot.addWidget(view)
    qtbot.addWidget(banner)
    recording = Recording(view)
    notices = Notices(recording, banner, recording, passing_ms=30)
    recording.told.emit(told("tracker", "connection_lost", "The tracker is gone. Check its cable."))
    qtbot.wait(60)
    assert banner.text == "The tracker is gone. Check its cable."
    recording.told.emit(told("tracker", "connection_restored", "The tracker is back."))
    assert banner.text == "The tracker is back."
    qtbot.waitUntil(lambda: banner.text == "")
    assert notices.parent() is recording
