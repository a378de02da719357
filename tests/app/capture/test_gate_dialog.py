from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from egma_app.capture.gate_dialog import GateDialog, LimitBar
from egma_app.capture.sitting import GateAnswer
from egma_core.recording.gate import GateLimits, judge

LIMITS = GateLimits()


def answer(loss: float, gap_s: float) -> GateAnswer:
    gate = judge(loss, gap_s, LIMITS)
    return GateAnswer(gate.loss, gate.longest_gap_s, gate.verdict, gate.reasons)


@pytest.fixture
def decided() -> list[tuple[str, str]]:
    return []


def dialog_for(found: GateAnswer, decided: list[tuple[str, str]], qtbot: QtBot) -> GateDialog:
    dialog = GateDialog(found, LIMITS)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.decided.connect(lambda decision, reason: decided.append((decision, reason)))
    dialog.open()
    return dialog


@pytest.mark.parametrize("decision", ["kept", "discarded"])
def test_keeping_and_discarding_need_a_reason(decision: str, decided: list[tuple[str, str]], qtbot: QtBot) -> None:
    dialog = dialog_for(answer(0.12, 0.5), decided, qtbot)
    button = {"kept": dialog.keep, "discarded": dialog.discard}[decision]
    assert not button.isEnabled()
    qtbot.keyClicks(dialog.reason, " looked at the keyboard ")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert decided == [(decision, "looked at the keyboard")] and not dialog.isVisible()


def test_reading_again_gives_the_gate_s_own_reason(decided: list[tuple[str, str]], qtbot: QtBot) -> None:
    dialog = dialog_for(answer(0.3, 4.0), decided, qtbot)
    qtbot.mouseClick(dialog.redo, Qt.MouseButton.LeftButton)
    ((decision, reason),) = decided
    assert decision == "redone" and "lost 30%" in reason and "4.0 s on end" in reason


def test_return_keeps_with_what_was_typed_and_nothing_without(decided: list[tuple[str, str]], qtbot: QtBot) -> None:
    dialog = dialog_for(answer(0.3, 0.5), decided, qtbot)
    qtbot.keyClick(dialog.reason, Qt.Key.Key_Return)
    assert decided == [] and dialog.isVisible()
    qtbot.keyClicks(dialog.reason, "rare case")
    qtbot.keyClick(dialog.reason, Qt.Key.Key_Return)
    assert decided == [("kept", "rare case")]


def test_escape_goes_on_reading(decided: list[tuple[str, str]], qtbot: QtBot) -> None:
    dialog = dialog_for(answer(0.12, 0.5), decided, qtbot)
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert decided == [] and not dialog.isVisible()


@pytest.mark.parametrize(("value", "words"), [(0.05, "below both"), (0.1, "above the yellow"), (0.2, "above the red")])
def test_a_bar_says_in_words_what_it_shows(value: float, words: str, qtbot: QtBot) -> None:
    bar = LimitBar(value, 0.1, 0.15)
    qtbot.addWidget(bar)
    assert words in bar.accessibleDescription()
