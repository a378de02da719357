"""Bars come sorted, keep what was chosen, and answer to keys like any list."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from egma_app.widgets.bars import Bar, BarList


def shown(qtbot: QtBot) -> BarList:
    bars = BarList("Scores")
    qtbot.addWidget(bars)
    bars.show_bars([Bar("effusion", 0.2), Bar("normal", 0.7, "cosine 0.31"), Bar("nodule", 0.1)])
    bars.show()
    return bars


def test_longest_first(qtbot: QtBot) -> None:
    bars = shown(qtbot)
    assert [b.name for b in bars.bars()] == ["normal", "effusion", "nodule"]
    assert bars.model().index(0, 0).data() == "normal: 70%"
    assert bars.model().index(0, 0).data(Qt.ItemDataRole.ToolTipRole) == "normal: 70%. cosine 0.31"


def test_keys_choose_and_new_numbers_keep_the_choice(qtbot: QtBot) -> None:
    bars = shown(qtbot)
    bars.choose("normal")
    with qtbot.waitSignal(bars.chosen) as said:
        qtbot.keyClick(bars, Qt.Key.Key_Down)
    assert said.args == ["effusion"]
    with qtbot.assertNotEmitted(bars.chosen):
        bars.show_bars([Bar("effusion", 0.9), Bar("normal", 0.05), Bar("nodule", 0.05)])
    assert bars.current() == "effusion"


def test_click_chooses(qtbot: QtBot) -> None:
    bars = shown(qtbot)
    middle = bars.visualRect(bars.model().index(2, 0)).center()
    with qtbot.waitSignal(bars.chosen) as said:
        qtbot.mouseClick(bars.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert said.args == ["nodule"]


def test_drawn_length_follows_the_share(qtbot: QtBot) -> None:
    bars = shown(qtbot)
    bars.resize(400, 200)
    picture = bars.viewport().grab().toImage()

    def accent(row: int) -> int:
        rect = bars.visualRect(bars.model().index(row, 0))
        y = rect.bottom() - 7
        return sum(picture.pixelColor(x, y).name() == "#7fb2ff" for x in range(rect.width()))

    assert accent(0) > 3 * accent(1) > 3 * accent(2) > 0


def test_model_is_sound(qtbot: QtBot) -> None:
    bars = shown(qtbot)
    QAbstractItemModelTester(bars.model(), QAbstractItemModelTester.FailureReportingMode.Fatal)
    bars.show_bars([])
    assert bars.current() == ""
