"""Live curves: several named series drawn as they arrive, a few times a second, told apart by line style as well as colour."""

from __future__ import annotations

import math

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPen, QPixmap
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from egma_app.widgets.tints import CURVES

REDRAW_MS = 150
CAPACITY = 20_000
STYLES = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine, Qt.PenStyle.DashDotLine, Qt.PenStyle.DashDotDotLine)
STYLE_WORDS = ("solid", "dashed", "dotted", "dash-dot", "dash-dot-dot")


class _Curve:
    """One curve and its points; beyond `CAPACITY`, every second one is dropped, so that memory and drawing stay bounded."""

    def __init__(self, item: pg.PlotDataItem, sample: QLabel, label: QLabel) -> None:
        self.item = item
        self.sample = sample
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
        self._item = pg.PlotItem()
        self._plot = self._make_plot(x_label, y_label)
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
        self._legend = QHBoxLayout()
        self._legend.setSpacing(6)
        self._legend.addStretch(1)
        layout.addLayout(bar)
        layout.addLayout(self._legend)
        layout.addWidget(self._plot, 1)
        self._plot.setAccessibleName(title)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)

    def _make_plot(self, x_label: str, y_label: str) -> pg.GraphicsView:
        ground, text = (self.palette().color(role) for role in (QPalette.ColorRole.Base, QPalette.ColorRole.Text))
        ink = _mixed(text, ground, 0.75)
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.showGrid(x=True, y=True, alpha=0.12)
        self._item.setClipToView(True)
        self._item.setDownsampling(auto=True, mode="peak")
        for side, label in (("bottom", x_label), ("left", y_label)):
            axis = self._item.getAxis(side)
            axis.setPen(pg.mkPen(_mixed(ink, ground, 0.5)))
            axis.setTextPen(ink)
            axis.setLabel(label, color=ink.name())
            axis.enableAutoSIPrefix(False)
        plot = pg.GraphicsView(parent=self, background=ground.name())
        plot.setCentralItem(self._item)
        return plot

    def add(self, name: str, x: float, y: float) -> None:
        """Add one point to a curve, making the curve at its first point; a value that is not finite leaves a gap."""
        if name not in self._curves:
            index = len(self._curves)
            pen = pg.mkPen(CURVES[index % len(CURVES)], width=2 if index == 0 else 1, style=STYLES[index % len(STYLES)])
            sample, label = QLabel(self), QLabel(name, self)
            sample.setPixmap(_sample(pen, self.devicePixelRatioF()))
            for widget in (sample, label):
                self._legend.insertWidget(self._legend.count() - 1, widget)
            self._legend.insertSpacing(self._legend.count() - 1, 10)
            self._curves[name] = _Curve(self._item.plot(pen=pen, name=name, connect="finite"), sample, label)
        self._curves[name].add(x, y)
        if not self._timer.isActive():
            self._timer.start()

    def clear(self) -> None:
        """Forget all curves."""
        self._timer.stop()
        for curve in self._curves.values():
            self._item.removeItem(curve.item)
            curve.sample.deleteLater()
            curve.label.deleteLater()
        while self._legend.count() > 1:
            self._legend.takeAt(0)
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


def _sample(pen: QPen, ratio: float) -> QPixmap:
    """A short piece of a line, for the legend."""
    width, height = 30, 10
    picture = QPixmap(round(width * ratio), round(height * ratio))
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setPen(pen)
    painter.drawLine(0, height // 2, width, height // 2)
    painter.end()
    return picture


def _mixed(first: QColor, second: QColor, share: float) -> QColor:
    """A colour between two: `share` of the first."""
    parts = (first.redF() * share + second.redF() * (1 - share), first.greenF() * share + second.greenF() * (1 - share))
    return QColor.fromRgbF(*parts, first.blueF() * share + second.blueF() * (1 - share))
