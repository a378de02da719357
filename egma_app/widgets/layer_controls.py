"""Switches for the layers over a film, one opacity for all of them, and the colour bar of the one that has colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from egma_app.widgets.colour_bar import ColourBar


@dataclass(frozen=True)
class Layer:
    """One layer that can be switched on and off.

    Attributes:
        name: Its short name.
        title: What the switch says.
        help: What it shows.
        shown: Whether it starts switched on.
    """

    name: str
    title: str
    help: str
    shown: bool = True


class LayerControls(QWidget):
    """The controls below a film with layers.

    Attributes:
        changed: Emitted when a switch or the opacity was moved.
        bar: The colour bar.
    """

    changed = Signal()

    def __init__(self, layers: Sequence[Layer], *, opacity: float = 0.6, parent: QWidget | None = None) -> None:
        """Make one switch a layer."""
        super().__init__(parent)
        self.bar = ColourBar(self)
        self._boxes: dict[str, QCheckBox] = {}
        switches = QHBoxLayout()
        switches.setSpacing(10)
        for layer in layers:
            box = QCheckBox(layer.title, self)
            box.setChecked(layer.shown)
            box.setToolTip(layer.help)
            box.setAccessibleDescription(layer.help)
            box.toggled.connect(lambda _on: self.changed.emit())
            self._boxes[layer.name] = box
            switches.addWidget(box)
        switches.addStretch(1)
        self._slider = QSlider(Qt.Orientation.Horizontal, self)
        self._slider.setRange(0, 100)
        self._slider.setValue(round(100 * opacity))
        self._slider.setMinimumWidth(60)
        self._slider.setMaximumWidth(140)
        self._slider.setAccessibleName("Opacity of the layers, in percent")
        self._slider.setToolTip("How strongly the layers cover the film")
        self._percent = QLabel(self)
        self._percent.setMinimumWidth(self.fontMetrics().horizontalAdvance("100 %"))
        label = QLabel("&Opacity", self)
        label.setBuddy(self._slider)
        for widget in (label, self._slider, self._percent):
            switches.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(switches)
        layout.addWidget(self.bar)
        self._slider.valueChanged.connect(self._moved)
        self._percent.setText(f"{self._slider.value()} %")

    @property
    def opacity(self) -> float:
        """The chosen opacity, 0 to 1."""
        return self._slider.value() / 100

    def shown(self, name: str) -> bool:
        """Whether a layer is switched on."""
        return self._boxes[name].isChecked()

    def show_layer(self, name: str, on: bool) -> None:
        """Switch a layer on or off, as if by hand."""
        self._boxes[name].setChecked(on)

    def set_available(self, name: str, available: bool, why_not: str = "") -> None:
        """Let a layer be switched, or not, with the reason as its tooltip."""
        box = self._boxes[name]
        box.setEnabled(available)
        box.setToolTip(box.accessibleDescription() if available else why_not)

    def _moved(self, value: int) -> None:
        self._percent.setText(f"{value} %")
        self.changed.emit()
