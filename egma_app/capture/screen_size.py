"""The part of the set-up form that asks how large the monitor is and how far the eyes are from it."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPalette, QScreen
from PySide6.QtWidgets import QCheckBox, QDoubleSpinBox, QFormLayout, QPushButton

from egma_app.capture.monitor import monitor_name, native_size
from egma_app.settings import Settings
from egma_app.widgets.labels import quiet_label
from egma_app.widgets.tints import WARNING, tint
from egma_core.geometry import Screen

_UNSQUARE = 1.05  # pixels of real monitors are square to within this
_AGREES = 0.02  # sizes that differ by less are the same size


class ScreenSize(QObject):
    """Sizes are typed and confirmed by a person, or come from the tracker's display area; never silently from the system.

    Attributes:
        changed: Emitted when what is typed or confirmed has changed.
        monitor: The monitor that the window is on, or None.
    """

    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject) -> None:
        """Start without a monitor."""
        super().__init__(parent)
        self._settings = settings
        self._told_mm: tuple[float, float] | None = None
        self._form: QFormLayout | None = None
        self.monitor: QScreen | None = None
        self.about = quiet_label()
        self.width_mm, self.height_mm, self.distance_mm = _millimetres("Width"), _millimetres("Height"), _millimetres("Distance")
        self.check = quiet_label()
        self.card = QPushButton("Check with a card…")
        self.card.setToolTip("Hold a bank card to the screen and fit the outline to it.")
        self.confirmed = QCheckBox("These sizes are right")
        self.confirmed.setToolTip("Measured, or read from the monitor's manual. Every angle of the recording depends on them.")
        for box in (self.width_mm, self.height_mm, self.distance_mm):
            box.valueChanged.connect(self._edited)
        self.confirmed.toggled.connect(self.changed)
        self._judge()

    def add_rows(self, form: QFormLayout) -> None:
        """Add the rows to a form."""
        self._form = form
        form.addRow("Monitor", self.about)
        form.addRow("Lit width", self.width_mm)
        form.addRow("Lit height", self.height_mm)
        form.addRow("", self.card)
        form.addRow("Eye to screen", self.distance_mm)
        form.addRow("", self.check)
        form.addRow("", self.confirmed)
        self._judge()

    def set_monitor(self, screen: QScreen) -> None:
        """Say which monitor the window is on; what was typed for another is not offered for this one."""
        if screen is self.monitor:
            return
        self.monitor = screen
        values, same = self._settings.values, self._settings.values.screen == monitor_name(screen)
        self.width_mm.setValue(values.screen_width_mm if same else 0.0)
        self.height_mm.setValue(values.screen_height_mm if same else 0.0)
        self.distance_mm.setValue(values.distance_mm if same else 0.0)
        stated = screen.physicalSize()
        says = f" It says of itself {stated.width():.0f} × {stated.height():.0f} mm; please check." if stated.width() > 0 else ""
        self.about.setText(f"{monitor_name(screen)} pixels.{says}")
        self.confirmed.setChecked(False)
        self._judge()

    def take_display(self, width_mm: float, height_mm: float) -> None:
        """Take the size of the screen that the tracker is set up for; a size of another origin is replaced."""
        self._told_mm = width_mm, height_mm
        self.width_mm.setValue(round(width_mm, 1))
        self.height_mm.setValue(round(height_mm, 1))
        self._judge()

    def set_sizes(self, width_mm: float, height_mm: float) -> None:
        """Take sizes measured with a card, to be confirmed like typed ones."""
        self.width_mm.setValue(round(width_mm, 1))
        self.height_mm.setValue(round(height_mm, 1))

    @property
    def sizes_mm(self) -> tuple[float, float, float]:
        """Width, height and distance as they stand; 0 for one that is missing."""
        return self.width_mm.value(), self.height_mm.value(), self.distance_mm.value()

    def screen(self) -> Screen | None:
        """The screen, or None while something is missing or not confirmed."""
        if self.monitor is None or min(self.sizes_mm) <= 0 or not self.confirmed.isChecked():
            return None
        pixels = native_size(self.monitor)
        return Screen(pixels.width(), pixels.height(), *self.sizes_mm)

    def remember(self) -> None:
        """Offer these sizes again the next time, on the same monitor."""
        if self.monitor is not None:
            width_mm, height_mm, distance_mm = self.sizes_mm
            self._settings.update(
                screen=monitor_name(self.monitor), screen_width_mm=width_mm, screen_height_mm=height_mm, distance_mm=distance_mm
            )

    def _edited(self) -> None:
        self.confirmed.setChecked(False)
        self._judge()
        self.changed.emit()

    def _judge(self) -> None:
        """Say what the sizes mean."""
        known = self.monitor is not None and min(self.sizes_mm) > 0
        self.confirmed.setEnabled(known)
        self.card.setEnabled(self.monitor is not None)
        if self._form is not None:
            self._form.setRowVisible(self.check, known)
        self.check.setText("")
        if self.monitor is None or not known:
            return
        pixels = native_size(self.monitor)
        width_mm, height_mm, _ = self.sizes_mm
        across, down = width_mm / pixels.width(), height_mm / pixels.height()
        text = f"One degree is {Screen(pixels.width(), pixels.height(), *self.sizes_mm).px_per_deg():.0f} pixels."
        odd = ""
        if max(across, down) / min(across, down) > _UNSQUARE:
            odd = f" A pixel would be {across:.3f} × {down:.3f} mm, which is not square: please check."
        elif self._told_mm is not None:
            odd = unlike((width_mm, height_mm), self._told_mm)
            text += "" if odd else " The tracker's display area says the same."
        self.check.setText(text + odd)
        if odd:
            tint(self.check, WARNING)
        else:
            self.check.setPalette(QPalette())
        self.check.setForegroundRole(QPalette.ColorRole.WindowText if odd else QPalette.ColorRole.PlaceholderText)


def unlike(sizes_mm: tuple[float, float], told_mm: tuple[float, float]) -> str:
    """What to say where a screen's size is not the one that the tracker is set up for; "" where it is."""
    if all(abs(size - told) <= _AGREES * told for size, told in zip(sizes_mm, told_mm, strict=True)):
        return ""
    return f" The tracker is set up for {told_mm[0]:.0f} × {told_mm[1]:.0f} mm: please check which is right."


def _millimetres(name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, 3000.0)
    box.setDecimals(1)
    box.setSuffix(" mm")
    box.setSpecialValueText("not typed yet")
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    box.setAccessibleName(f"{name} in mm")
    return box
