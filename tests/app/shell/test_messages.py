from __future__ import annotations

import logging
import sys

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from egma_app import messages
from egma_app.messages import Banner, Message
from egma_core.errors import StoreError

SECRET = "Doe^Jane 1950-01-02"


def raised(error: Exception) -> Exception:
    try:
        raise error
    except type(error) as caught:
        return caught


def test_our_errors_keep_their_words() -> None:
    assert messages.words(StoreError("The library is damaged.", "Restore a copy.")) == Message("The library is damaged.", "Restore a copy.")


def test_defects_are_owned_up_to_and_logged_without_their_text() -> None:
    log = messages.start_log()
    try:
        said = messages.words(raised(ValueError(SECRET)))
    finally:
        messages.stop_log(log)
    assert "went wrong inside the program" in said.what and str(messages.log_path()) in said.remedy
    written = messages.log_path().read_text(encoding="utf-8")
    assert "ValueError at test_messages.py" in written
    assert SECRET not in written and SECRET not in said.what + said.remedy


def test_the_systems_refusals_are_named() -> None:
    said = messages.words(PermissionError(13, "Permission denied", f"/home/{SECRET}"))
    assert "Permission denied" in said.what and SECRET not in said.what + said.remedy
    assert "memory" in messages.words(MemoryError()).what


def test_banner_says_one_thing_and_can_be_put_away(qtbot: QtBot) -> None:
    banner = Banner()
    qtbot.addWidget(banner)
    assert not banner.isVisible() and banner.text == ""
    banner.show_error(StoreError("The disk is full.", "Free some space."))
    assert banner.isVisible() and banner.text == "The disk is full. Free some space." and banner.property("kind") == "error"
    banner.show_message(Message("Done."), kind="good", button="Show it")
    remedy = banner.findChild(QLabel, "bannerRemedy")
    assert banner.text == "Done." and not remedy.isVisible()
    with qtbot.waitSignal(banner.action_chosen):
        banner.findChild(QPushButton).click()
    banner.findChild(QToolButton).click()
    assert not banner.isVisible() and banner.text == ""


def test_dialog_shows_what_and_remedy(qtbot: QtBot) -> None:
    seen: list[str] = []

    def read_and_close() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.append(f"{box.text()} {box.informativeText()}")
        box.accept()

    QTimer.singleShot(50, read_and_close)
    messages.show(None, StoreError("The key is missing.", "Put it back."))
    assert seen == ["The key is missing. Put it back."]


def test_hook_tells_and_leaves_ctrl_c_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    passed_on: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, _error, _trace: passed_on.append(kind))
    told: list[BaseException] = []
    before = messages.install_hook(told.append)
    error = raised(RuntimeError("x"))
    sys.excepthook(RuntimeError, error, error.__traceback__)
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert told == [error] and passed_on == [KeyboardInterrupt]
    sys.excepthook = before


def test_log_ends_with_its_handler() -> None:
    log = messages.start_log()
    messages.stop_log(log)
    assert log not in logging.getLogger("egma_app").handlers
