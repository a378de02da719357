"""Live curves: several named series drawn as they arrive, a few times a second, told apart by line style as well as colour."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from egma_app.widgets.tints import CURVES

REDRAW_MS = 150
CAPACITY = 20_000
STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DashDotDotLine)
STYLE_WORDS = ("solid", "dashed", "dotted", "dash-dot", "dash-dot-dot")


class _Curve:
    """One curve and its points; beyond `CAPACITY`, every second one is dropped, so that memory and drawing stay bounded."""

    def __init__(self, item: pg.PlotDataItem, label: pg.LabelItem) -> None:
        self.item = item
        self.label = label
        self.x: list[float] = []
        self.y: list[float] = []

    def add(self, x: float, y: float) -> None:
        self.x.append(x)
        self.y.append(y)
        if len(self.x) > CAPACITY:
            self.x, self.y = self.x[::2], self.y[::2]


class LiveCurves(QWidget):
    """Named curves over a common x axis, redrawn at most every `REDRAW_MS` however fast points arrive.

    Args:
        title: What is shown, for the heading and for screen readers.
        x_label: The x axis.
        y_label: The y axis.
        log_y: Whether the y axis starts logarithmic.
        parent: The parent widget.
    """

    def __init__(self, title: str, x_label: str, y_label: str, *, log_y: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: dict[str, _Curve] = {}
        palette = self.palette()
        self._item = pg.PlotItem()
        self._plot = pg.GraphicsView(parent=self, background=palette.color(QPalette.ColorRole.Base).name())
        self._plot.setCentralItem(self._item)
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.showGrid(x=True, y=True, alpha=0.12)
        self._item.setClipToView(True)
        self._item.setDownsampling(auto=True, mode="peak")
        ink = _mixed(palette.color(QPalette.ColorRole.Text), palette.color(QPalette.ColorRole.Base), 0.75)
        for side, text in (("bottom", x_label), ("left", y_label)):
            axis = self._item.getAxis(side)
            axis.setLabel(text, color=ink.name())
            axis.setTextPen(ink)
            axis.setPen(pg.mkPen(_mixed(ink, palette.color(QPalette.ColorRole.Base), 0.5)))
            axis.label.setDefaultTextColor(ink)
            axis.enableAutoSIPrefix(False)
        self._legend = self._item.addLegend(offset=(-12, 12), labelTextColor=ink, brush=pg.mkBrush(palette.color(QPalette.ColorRole.Base)))
        self._log = QCheckBox("Log scale", self)
        self._log.setToolTip("Show the y axis logarithmically: small late changes stay visible beside large early ones")
        self._log.setChecked(log_y)
        self._log.toggled.connect(self._redraw)
        heading = QLabel(title, self)
        font = QFont(heading.font())
        font.setBold(True)
        heading.setFont(font)
        bar = QHBoxLayout()
        bar.addWidget(heading)
        bar.addStretch(1)
        bar.addWidget(self._log)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(bar)
        layout.addWidget(self._plot, 1)
        self._plot.setAccessibleName(title)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)

    def add(self, name: str, x: float, y: float) -> None:
        """Add one point to a curve, making the curve at its first point; a value that is not finite leaves a gap."""
        if name not in self._curves:
            index = len(self._curves)
            pen = pg.mkPen(CURVES[index % len(CURVES)], width=2 if index == 0 else 1, style=STYLES[index % len(STYLES)])
            item = self._item.plot(pen=pen, name=name, connect="finite")
            self._curves[name] = _Curve(item, self._legend.items[-1][1])
        self._curves[name].add(x, y)
        if not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        """Forget all curves."""
        self._timer.stop()
        for curve in self._curves.values():
            self._item.removeItem(curve.item)
        self._curves.clear()
        self._plot.setAccessibleDescription("")

    def points(self, name: str) -> tuple[list[float], list[float]]:
        """The kept points of a curve: x and y."""
        return list(self._curves[name].x), list(self._curves[name].y)

    def names(self) -> tuple[str, ...]:
        """The curves' names, in the order they came."""
        return tuple(self._curves)

    def set_log(self, on: bool) -> None:
        """Show the y axis logarithmically, or not."""
        self._log.setChecked(on)

    def sizeHint(self) -> QSize:
        """Room for a curve one can read."""
        return QSize(640, 360)

    def _redraw(self) -> None:
        log = self._log.isChecked()
        said: list[str] = []
        for index, (name, curve) in enumerate(self._curves.items()):
            y = np.asarray(curve.y, dtype=np.float64)
            shown = np.where(np.isfinite(y) & ((y > 0) | (not log)), y, np.nan)
            curve.item.setData(np.asarray(curve.x, dtype=np.float64), shown)
            text = f"{name}  {curve.y[-1]:.4g}" if math.isfinite(curve.y[-1]) else f"{name}  not a number"
            curve.label.setText(text)
            said.append(f"{text} ({STYLE_WORDS[index % len(STYLES)]})")
        self._item.setLogMode(y=log)
        self._plot.setAccessibleDescription("; ".join(said))


def _mixed(first: QColor, second: QColor, share: float) -> QColor:
    """A colour between two: `share` of the first."""
    parts = (first.redF() * share + second.redF() * (1 - share), first.greenF() * share + second.greenF() * (1 - share))
    return QColor.fromRgbF(*parts, first.blueF() * share + second.blueF() * (1 - share))
