from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from egma_app import actions
from egma_app.capture.sitting import Setup
from egma_app.capture.study import Study, check_keys, set_keys
from egma_core.errors import ConfigError
from egma_core.geometry import Screen

TOML = """
name = "Pilot"
cases = ["one", "two"]
dictation = "continuous"
[calibration]
cases = 10
drift_deg = 0.7
[keys]
"capture.sign_off" = "F9"
"""
SETUP = Setup("Ada", "simulated", Screen(1, 1, 1.0, 1.0, 1.0), microphone="default", engine="moonshine")


def test_a_protocol_is_kept_to_as_written() -> None:
    study = Study.parse(TOML)
    assert study.toml == TOML and study.mode == "continuous"
    assert (study.recalibration.cases, study.recalibration.drift_deg) == (10, 0.7)
    assert study.words == "Pilot: 2 cases, in an order of the reader's own."
    assert "labels" in study.confinement and "other readers" in study.confinement
    assert Study.of(SETUP) is None
    assert Study.of(dataclasses.replace(SETUP, protocol_toml=TOML)) == study


def test_without_blinds_nobody_is_confined() -> None:
    assert Study.parse('name = "Open"\n[blinds]\nlabels = false\nother_readers = false\n').confinement == ""


def test_words_that_are_typed_only_need_no_engine() -> None:
    assert Study.parse('name = "T"\ndictation = "typed"\n').typed_only(SETUP).engine == ""
    assert Study.parse(TOML).typed_only(SETUP) == SETUP


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"capture.fly": "F9"}, "capture.fly"),
        ({"library.open": "F9"}, "cannot be set"),
        ({"capture.signoff": "F9"}, "Did you mean 'capture.sign_off'"),
        ({"capture.start": "Ctrl+Nonsense"}, "no keyboard has"),
        ({"capture.start": "Ctrl+Return"}, "the same keys"),
        ({"capture.start": "R"}, "the same keys"),
    ],
)
def test_keys_that_cannot_be_are_refused(keys: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_keys(keys)


def test_keys_may_change_places() -> None:
    check_keys({"capture.start": "Ctrl+Return", "capture.sign_off": "Ctrl+R"})


def test_keys_are_set_and_given_back(qtbot: QtBot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    bound = actions.bind(widget, {"capture.sign_off": lambda: None, "capture.start": lambda: None})
    set_keys(widget.findChildren(QAction), {"capture.sign_off": "F9"})
    assert bound["capture.sign_off"].shortcut().toString() == "F9" and "(F9)" in bound["capture.sign_off"].toolTip()
    assert bound["capture.start"].shortcut().toString() == "Ctrl+R"
    set_keys(widget.findChildren(QAction), {})
    assert bound["capture.sign_off"].shortcut().toString() == "Ctrl+Return"
