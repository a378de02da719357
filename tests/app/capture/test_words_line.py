"""Typing, key by key: what is told of it says at every instant what stood in the line."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QInputMethodEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from egma_app.capture.sentence_line import SentenceLine, difference
from egma_app.capture.sitting import SaidSentence
from egma_core.store.values import TextEdit

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def replayed(edits: list[TextEdit], line: int = 0) -> str:
    text = ""
    for edit in edits:
        if edit.line == line:
            assert text[edit.position : edit.position + len(edit.removed)] == edit.removed
            text = text[: edit.position] + edit.inserted + text[edit.position + len(edit.removed) :]
    return text


class Typing:
    """A line, and everything that it has told."""

    def __init__(self, qtbot: QtBot) -> None:
        clock = itertools.count(100)
        self.line = SentenceLine(now_ns=lambda: next(clock))
        qtbot.addWidget(self.line)
        self.edits: list[TextEdit] = []
        self.said: list[SaidSentence] = []
        self.line.edited.connect(self.edits.append)
        self.line.said.connect(self.said.append)


@pytest.fixture
def typing(qtbot: QtBot) -> Typing:
    return Typing(qtbot)


def test_every_key_is_told_with_its_time(typing: Typing, qtbot: QtBot) -> None:
    qtbot.keyClicks(typing.line, "No air")
    qtbot.keyClick(typing.line, Qt.Key.Key_Backspace)
    qtbot.keyClick(typing.line, Qt.Key.Key_Home)
    qtbot.keyClick(typing.line, Qt.Key.Key_Delete)
    assert typing.edits[0] == TextEdit(100, 0, 0, "", "N")
    assert typing.edits[5] == TextEdit(105, 0, 5, "", "r")
    assert typing.edits[6:] == [TextEdit(106, 0, 5, "r", ""), TextEdit(107, 0, 0, "N", "")]
    assert replayed(typing.edits) == typing.line.text() == "o ai"


def test_a_double_letter_is_told_where_the_cursor_is(typing: Typing, qtbot: QtBot) -> None:
    qtbot.keyClicks(typing.line, "aaa")
    qtbot.keyClick(typing.line, Qt.Key.Key_Left)
    qtbot.keyClicks(typing.line, "a")
    assert [edit.position for edit in typing.edits] == [0, 1, 2, 2]


def test_paste_selection_and_undo_are_one_change_each(typing: Typing, qtbot: QtBot) -> None:
    QGuiApplication.clipboard().setText("large heart")
    qtbot.keyClick(typing.line, Qt.Key.Key_V, CTRL)
    qtbot.keyClick(typing.line, Qt.Key.Key_Home, SHIFT)
    qtbot.keyClicks(typing.line, "x")
    qtbot.keyClick(typing.line, Qt.Key.Key_Z, CTRL)
    qtbot.keyClick(typing.line, Qt.Key.Key_Z, CTRL)
    assert typing.edits[:2] == [TextEdit(100, 0, 0, "", "large heart"), TextEdit(101, 0, 0, "large heart", "x")]
    assert replayed(typing.edits) == typing.line.text()


def test_an_input_method_counts_when_its_characters_enter(typing: Typing) -> None:
    composing = QInputMethodEvent("しんぞう", [])
    QApplication.sendEvent(typing.line, composing)
    assert typing.edits == []
    entering = QInputMethodEvent("", [])
    entering.setCommitString("心臓")
    QApplication.sendEvent(typing.line, entering)
    assert typing.edits == [TextEdit(100, 0, 0, "", "心臓")]
    typing.line.keep()
    assert typing.said == [SaidSentence("心臓", 100, 100)]


def test_characters_beyond_sixteen_bits_are_one_character(typing: Typing, qtbot: QtBot) -> None:
    QGuiApplication.clipboard().setText("a😀b")
    qtbot.keyClick(typing.line, Qt.Key.Key_V, CTRL)
    qtbot.keyClicks(typing.line, "c")
    qtbot.keyClick(typing.line, Qt.Key.Key_Home)
    qtbot.keyClicks(typing.line, "d")
    assert [(edit.position, edit.inserted) for edit in typing.edits] == [(0, "a😀b"), (3, "c"), (0, "d")]


def test_each_sentence_has_a_line_of_its_own(typing: Typing, qtbot: QtBot) -> None:
    qtbot.keyClicks(typing.line, "one")
    qtbot.keyClick(typing.line, Qt.Key.Key_Return)
    qtbot.keyClick(typing.line, Qt.Key.Key_Return)
    qtbot.keyClicks(typing.line, "tw")
    typing.line.forget()
    qtbot.keyClicks(typing.line, "three")
    assert [replayed(typing.edits, line) for line in range(4)] == ["one", "tw", "three", ""]
    qtbot.keyClick(typing.line, Qt.Key.Key_Return)
    qtbot.keyClick(typing.line, Qt.Key.Key_Z, CTRL)
    assert typing.line.text() == "", "what was kept cannot be taken back into the next line"
    typing.line.begin()
    qtbot.keyClicks(typing.line, "x")
    assert typing.edits[-1].line == 0


@given(st.text("ab ", max_size=8), st.text("ab ", max_size=8), st.integers(0, 8))
def test_difference_makes_one_of_the_other(before: str, after: str, behind: int) -> None:
    position, removed, inserted = difference(before, after, min(behind, len(after)))
    assert before[:position] + removed + before[position + len(removed) :] == before
    assert before[:position] + inserted + before[position + len(removed) :] == after
    if before == after:
        assert not removed and not inserted
