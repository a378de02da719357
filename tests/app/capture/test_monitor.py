from __future__ import annotations

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from egma_app.capture.monitor import MonitorWatch, astray, monitor_name

LEFT, RIGHT = QRect(0, 0, 1920, 1080), QRect(1920, 0, 1920, 1080)


@pytest.mark.parametrize(
    ("film", "words"),
    [
        (QRect(100, 100, 800, 800), ""),
        (QRect(-300, 100, 800, 800), ""),
        (QRect(1600, 100, 800, 800), "across two monitors"),
        (QRect(2200, 100, 800, 800), "has left the monitor"),
    ],
)
def test_a_film_belongs_on_its_monitor(film: QRect, words: str) -> None:
    said = astray(film, LEFT, [RIGHT], "xcb", full_screen=False)
    assert words in said and bool(said) == bool(words)


def test_a_monitor_that_is_gone_is_said() -> None:
    assert "no longer connected" in astray(QRect(0, 0, 10, 10), None, [RIGHT], "xcb", full_screen=False)


def test_wayland_is_only_trusted_with_the_whole_screen() -> None:
    film = QRect(0, 0, 800, 800)
    assert "Wayland" in astray(film, LEFT, [], "wayland", full_screen=False)
    assert astray(film, LEFT, [], "wayland", full_screen=True) == ""


class TestMonitorWatch:
    @pytest.fixture
    def view(self, qtbot: QtBot) -> QWidget:
        made = QWidget()
        qtbot.addWidget(made)
        made.resize(200, 200)
        made.show()
        qtbot.waitExposed(made)
        return made

    def test_nothing_is_wrong_while_no_monitor_is_tracked(self, view: QWidget) -> None:
        watch = MonitorWatch(view)
        watch.follow()
        view.move(5000, 5000)
        watch.look()
        assert watch.trouble == ""

    def test_leaving_and_coming_back_is_told_once_each(self, view: QWidget, qtbot: QtBot) -> None:
        watch = MonitorWatch(view)
        watch.follow()
        watch.track(QApplication.primaryScreen())
        noted: list[tuple[str, str]] = []
        watch.noted.connect(lambda kind, text: noted.append((kind, text)))
        view.move(5000, 5000)
        qtbot.waitUntil(lambda: "has left the monitor" in watch.trouble)
        view.move(5001, 5000)
        view.move(20, 20)
        qtbot.waitUntil(lambda: watch.trouble == "")
        assert [kind for kind, _ in noted] == ["monitor", "monitor"]
        assert noted[1][1] == "The window is back on its monitor."

    def test_being_minimised_is_told(self, view: QWidget, qtbot: QtBot) -> None:
        watch = MonitorWatch(view)
        watch.follow()
        noted: list[tuple[str, str]] = []
        watch.noted.connect(lambda kind, text: noted.append((kind, text)))
        view.showMinimized()
        view.showNormal()
        qtbot.waitUntil(lambda: len(noted) == 2)
        assert noted == [("window", "The window was minimised."), ("window", "The window is open again.")]

    def test_a_monitor_is_told_by_its_name_and_pixels(self, qtbot: QtBot) -> None:
        screen = QApplication.primaryScreen()
        assert screen.name() in monitor_name(screen) and "×" in monitor_name(screen)
