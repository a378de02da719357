"""Curves keep up with fast points, mind values that are not finite, and can be told apart without colour."""

from __future__ import annotations

import math

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGraphicsView
from pytestqt.qtbot import QtBot

from egma_app.widgets.plots import CAPACITY, LiveCurves


def curves(qtbot: QtBot) -> LiveCurves:
    widget = LiveCurves("Loss", "step", "loss")
    qtbot.addWidget(widget)
    widget.show()
    return widget


def drawn(widget: LiveCurves) -> list[pg.PlotDataItem]:
    view = widget.findChild(QGraphicsView)
    assert view is not None
    return [item for item in view.scene().items() if isinstance(item, pg.PlotDataItem)]


def description(widget: LiveCurves) -> str:
    view = widget.findChild(QGraphicsView)
    assert view is not None
    return view.accessibleDescription()


def test_points_are_drawn_a_little_later_and_said_in_words(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    for step in range(100):
        widget.add("loss", step, 4.0 - step / 50)
        widget.add("gaze", step, 1.0)
    assert description(widget) == ""
    qtbot.waitUntil(lambda: "loss  2.02 (solid)" in description(widget))
    assert "gaze  1 (dashed)" in description(widget)
    assert sorted(len(item.getData()[0]) for item in drawn(widget)) == [100, 100]


def test_curves_differ_in_line_style(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    for name in ("a", "b", "c", "d", "e"):
        widget.add(name, 0, 1)
    styles = [item.opts["pen"].style() for item in drawn(widget)]
    assert len(set(styles)) == 5


def test_values_that_are_not_finite_leave_a_gap_and_are_said(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    widget.set_log(True)
    for x, y in enumerate((2.0, 0.0, math.inf, -1.0, math.nan)):
        widget.add("loss", x, y)
    qtbot.waitUntil(lambda: "not a number" in description(widget))


def test_log_scale_by_click(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    widget.add("loss", 0, 100.0)
    widget.add("loss", 1, 1.0)
    box = widget.findChild(QCheckBox)
    assert box is not None
    box.setFocus()
    qtbot.keyClick(box, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: "loss" in description(widget))
    (item,) = drawn(widget)
    assert list(item.getData()[1]) == [2.0, 0.0]


def test_a_long_run_stays_bounded(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    for step in range(CAPACITY + 10):
        widget.add("loss", step, 1.0)
    x, _y = widget.points("loss")
    assert len(x) < CAPACITY
    assert x[0] == 0
    assert x[-1] == CAPACITY + 9


def test_clear_forgets_everything(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    widget.add("loss", 0, 1)
    widget.clear()
    assert widget.names() == ()
    assert drawn(widget) == []
    widget.add("loss", 0, 1)
    assert widget.names() == ("loss",)
