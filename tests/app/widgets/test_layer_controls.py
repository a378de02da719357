"""Layer switches, their opacity and the colour bar answer to hands and say what they mean."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QCheckBox, QSlider
from pytestqt.qtbot import QtBot

from egma_app.widgets.colour_bar import ColourBar
from egma_app.widgets.empty import EmptyState
from egma_app.widgets.layer_controls import Layer, LayerControls


def controls(qtbot: QtBot) -> LayerControls:
    made = LayerControls([Layer("heat", "Heat map", "Where the eyes rested"), Layer("path", "Scan path", "In which order", shown=False)])
    qtbot.addWidget(made)
    made.show()
    return made


def test_switches_by_click(qtbot: QtBot) -> None:
    made = controls(qtbot)
    assert made.shown("heat")
    assert not made.shown("path")
    box = next(b for b in made.findChildren(QCheckBox) if b.text() == "Scan path")
    with qtbot.waitSignal(made.changed):
        qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))
    assert made.shown("path")


def test_opacity_by_key(qtbot: QtBot) -> None:
    made = controls(qtbot)
    slider = made.findChild(QSlider)
    assert slider is not None
    before = made.opacity
    with qtbot.waitSignal(made.changed):
        qtbot.keyClick(slider, Qt.Key.Key_Left)
    assert made.opacity < before


def test_an_unavailable_layer_says_why(qtbot: QtBot) -> None:
    made = controls(qtbot)
    box = next(b for b in made.findChildren(QCheckBox) if b.text() == "Heat map")
    made.set_available("heat", False, "There was no gaze.")
    assert not box.isEnabled()
    assert box.toolTip() == "There was no gaze."
    made.set_available("heat", True)
    assert box.toolTip() == "Where the eyes rested"


def test_colour_bar_draws_its_colours_from_low_to_high(qtbot: QtBot) -> None:
    bar = ColourBar()
    qtbot.addWidget(bar)
    ramp = np.stack([np.arange(256), np.zeros(256), 255 - np.arange(256)], axis=1).astype(np.uint8)
    bar.set_scale(ramp, ("-1", "0", "1"), "cosine similarity")
    bar.resize(260, bar.sizeHint().height())
    picture = bar.grab().toImage()
    left, right = picture.pixelColor(6, 6), picture.pixelColor(picture.width() - 7, 6)
    assert left.blue() > 200 > left.red()
    assert right.red() > 200 > right.blue()
    assert "cosine similarity" in bar.accessibleName()
    assert bar.accessibleDescription() == "from -1 to 1"


def test_empty_state_has_a_button_only_where_there_is_a_next_step(qtbot: QtBot) -> None:
    state = EmptyState("No library", "Open one.", "Open…")
    qtbot.addWidget(state)
    state.show()
    button = next(c for c in state.children() if getattr(c, "text", str)() == "Open…")
    with qtbot.waitSignal(state.chosen):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    state.say("Nothing yet", "Wait.")
    assert not button.isVisible()
    assert state.text == "Nothing yet Wait."
