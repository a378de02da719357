"""Prompts are edited in place, and only what can be used of them is given out."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from egma_app.explore.prompt_panel import PromptPanel
from egma_core.inference.prompts import PromptSet

TWO = PromptSet("two", {"effusion": ("fluid at the base", "blunted angle"), "normal": ("clear lungs",)})


@pytest.fixture
def panel(qtbot: QtBot) -> PromptPanel:
    panel = PromptPanel()
    qtbot.addWidget(panel)
    panel.set_prompts(TWO)
    panel.resize(400, 300)
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)
    return panel


def retype(qtbot: QtBot, panel: PromptPanel, text: str) -> None:
    editor = panel.tree.viewport().findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    qtbot.keyClicks(editor, text)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: panel.tree.state() != QAbstractItemView.State.EditingState)


def press(qtbot: QtBot, panel: PromptPanel, text: str) -> None:
    button = next(b for b in panel.children() if getattr(b, "text", str)() == text)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_shows_and_gives_back(panel: PromptPanel) -> None:
    assert panel.prompts() == TWO
    assert panel.problem == ""


def test_edit_a_sentence_with_keys(qtbot: QtBot, panel: PromptPanel) -> None:
    panel.choose("blunted angle")
    with qtbot.waitSignal(panel.changed):
        qtbot.keyClick(panel.tree, Qt.Key.Key_F2)
        retype(qtbot, panel, "a meniscus")
    assert panel.prompts().prompts["effusion"] == ("fluid at the base", "a meniscus")


def test_arrow_keys_choose_sentences(qtbot: QtBot, panel: PromptPanel) -> None:
    panel.choose("fluid at the base")
    with qtbot.waitSignal(panel.chosen) as said:
        qtbot.keyClick(panel.tree, Qt.Key.Key_Down)
    assert said.args == ["blunted angle"]
    with qtbot.waitSignal(panel.chosen) as said:
        qtbot.keyClick(panel.tree, Qt.Key.Key_Down)
    assert said.args == ["clear lungs"], "a class's row stands for its first sentence"


def test_add_a_class_and_a_sentence(qtbot: QtBot, panel: PromptPanel) -> None:
    press(qtbot, panel, "+ Class")
    retype(qtbot, panel, "nodule")
    press(qtbot, panel, "+ Sentence")
    retype(qtbot, panel, "a round shadow")
    assert panel.prompts().prompts["nodule"][-1] == "a round shadow"
    assert list(panel.prompts().prompts) == ["effusion", "normal", "nodule"]


def test_remove_leaves_one_class_and_says_so(qtbot: QtBot, panel: PromptPanel) -> None:
    panel.choose("clear lungs")
    press(qtbot, panel, "Remove")
    assert panel.problem == "A class without a sentence does not count."
    assert list(panel.prompts().prompts) == ["effusion"]
    panel.tree.setCurrentItem(panel.tree.topLevelItem(1))
    press(qtbot, panel, "Remove")
    assert "two at least" in panel.problem


def test_delete_removes_by_key(qtbot: QtBot, panel: PromptPanel) -> None:
    panel.tree.setFocus()
    panel.choose("blunted angle")
    qtbot.keyClick(panel.tree, Qt.Key.Key_Delete)
    assert panel.prompts().prompts["effusion"] == ("fluid at the base",)


def test_two_classes_of_one_name_are_said(panel: PromptPanel) -> None:
    item = panel.tree.topLevelItem(1)
    assert item is not None
    item.setText(0, "effusion")
    assert "two classes called “effusion”" in panel.problem
    assert panel.prompts().prompts == {"effusion": TWO.prompts["effusion"]}


def test_scores_are_written_beside_their_sentences_without_counting_as_edits(qtbot: QtBot, panel: PromptPanel) -> None:
    with qtbot.assertNotEmitted(panel.changed):
        panel.show_scores({"clear lungs": 1.23})
    item = panel.tree.topLevelItem(1)
    assert item is not None
    assert item.child(0).text(1) == "+1.23"
    assert QApplication.focusWidget() is not None
