from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QLineEdit, QTextBrowser, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from egma_app import actions
from egma_app.actions import ACTIONS, ActionEntry


def test_shortcuts_do_not_meet() -> None:
    assert actions.collisions() == []


def test_shortcuts_that_meet_are_found() -> None:
    table = (
        ActionEntry("a.one", "One", "Ctrl+K", "", ""),
        ActionEntry("b.two", "Two", "ctrl+k", "review", ""),
        ActionEntry("c.three", "Three", "K", "train", ""),
        ActionEntry("d.four", "Four", "K", "explore", ""),
        ActionEntry("e.five", "Five", "K", "viewer", ""),
    )
    assert actions.collisions(table) == [("a.one", "b.two"), ("c.three", "e.five"), ("d.four", "e.five")]


def test_table_is_sound(qtbot: QtBot) -> None:
    assert len({row.id for row in ACTIONS}) == len(ACTIONS)
    for row in ACTIONS:
        assert row.help.endswith("."), row.id
        assert row.workspace in ("", "viewer", "capture", "review", "train", "explore"), row.id
        assert not row.shortcut or actions.key_text(row), row.id
        assert not row.icon or not actions.icon(row.icon).isNull(), row.id
    assert actions.entry("view.fit").shortcut == "F"


def test_bound_actions_act_where_they_belong(qtbot: QtBot) -> None:
    window = QWidget()
    film, line = QWidget(window), QLineEdit(window)
    film.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    layout = QVBoxLayout(window)
    layout.addWidget(film)
    layout.addWidget(line)
    done: list[object] = []
    actions.bind(film, {"view.fit": lambda: done.append("fit")})
    bound = actions.bind(window, {"help.keys": lambda: done.append("keys"), "window.full_screen": done.append})
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    film.setFocus()
    qtbot.waitUntil(film.hasFocus)
    qtbot.keyClick(film, Qt.Key.Key_F)
    qtbot.keyClick(film, Qt.Key.Key_F1)
    qtbot.keyClick(film, Qt.Key.Key_F11)
    assert done == ["fit", "keys", True]
    line.setFocus()
    qtbot.waitUntil(line.hasFocus)
    qtbot.keyClicks(line, "f")
    assert line.text() == "f" and done == ["fit", "keys", True], "a letter that is typed is no command"
    assert isinstance(bound["help.keys"], QAction) and bound["help.keys"] in window.actions()
    assert "F1" in bound["help.keys"].toolTip()


def test_binding_what_is_not_in_the_table_is_refused(qtbot: QtBot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    with pytest.raises(KeyError, match="teleport"):
        actions.bind(widget, {"view.teleport": lambda: None})


def test_sheet_of_keys_tells_every_key(qtbot: QtBot) -> None:
    sheet = actions.KeySheet()
    qtbot.addWidget(sheet)
    text = sheet.findChild(QTextBrowser).toPlainText()
    for row in ACTIONS:
        if row.shortcut:
            assert row.help in text and actions.key_text(row) in text, row.id
    assert actions.MOUSE in text


def test_the_sheet_of_keys_says_what_holds_now(qtbot: QtBot) -> None:
    widget = QWidget()
    qtbot.addWidget(widget)
    bound = actions.bind(widget, {"capture.sign_off": lambda: None})
    bound["capture.sign_off"].setShortcut("F9")
    sheet = actions.KeySheet(widget)
    text = sheet.findChild(QTextBrowser)
    assert text is not None and "F9" in text.toPlainText()
    assert "Ctrl+Return" not in text.toPlainText().split("Sign off")[0], "its own keys do not hold"
