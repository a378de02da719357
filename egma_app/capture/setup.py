"""The form that opens a capture session: who reads, with which tracker, at which screen."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QPalette, QScreen
from PySide6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QFormLayout, QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget

from egma_app.capture.session import Setup
from egma_app.settings import Settings
from egma_app.widgets.tints import WARNING, tint
from egma_core.geometry import Screen

TRACKERS = {
    "simulated": ("Simulated eye tracker", "Made-up gaze at 120 samples a second, marked as simulated in every row."),
    "mouse": ("Mouse in place of gaze", "The pointer stands in for the eyes, marked as mouse in every row."),
}
_UNSQUARE = 1.05  # pixels of real monitors are square to within this


def native_size(screen: QScreen) -> QSize:
    """A monitor's own pixels across and down."""
    ratio, size = screen.devicePixelRatio(), screen.geometry().size()
    return QSize(round(size.width() * ratio), round(size.height() * ratio))


def monitor_name(screen: QScreen) -> str:
    """What tells one monitor from another: its name and its pixels."""
    size = native_size(screen)
    return f"{screen.name()} {size.width()} × {size.height()}"


class SetupForm(QWidget):
    """Asks for what a recording needs to know. Sizes are typed and confirmed by a person, never taken from the system.

    Attributes:
        accepted: Emitted with the `Setup` when the person opens the session.
    """

    accepted = Signal(object)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Offer what was typed last time on the same monitor."""
        super().__init__(parent)
        self._settings = settings
        self._monitor: QScreen | None = None
        self.reader = QLineEdit(settings.values.reader)
        self.reader.setPlaceholderText("Name or code")
        self.tracker = QComboBox()
        for name, (title, _) in TRACKERS.items():
            self.tracker.addItem(title, name)
        self.tracker.setCurrentIndex(max(self.tracker.findData(settings.values.tracker), 0))
        self._about_tracker = _quiet_label()
        self._about_monitor = _quiet_label()
        self.width_mm, self.height_mm, self.distance_mm = _millimetres("Width"), _millimetres("Height"), _millimetres("Distance")
        self.confirmed = QCheckBox("These sizes are right")
        self.confirmed.setToolTip("Measured, or read from the monitor's manual. Every angle of the recording depends on them.")
        self.check = _quiet_label()
        self.open_button = QPushButton("Open session")
        self.open_button.setProperty("role", "main")
        self._lay_out()
        self.reader.textChanged.connect(self._judge)
        self.tracker.currentIndexChanged.connect(self._judge)
        for box in (self.width_mm, self.height_mm, self.distance_mm):
            box.valueChanged.connect(self._size_changed)
        self.confirmed.toggled.connect(self._judge)
        self.open_button.clicked.connect(self._accept)
        self.reader.returnPressed.connect(self.open_button.click)
        self._judge()

    def set_monitor(self, screen: QScreen) -> None:
        """Say which monitor the window is on; what was typed for another is not offered for this one."""
        if screen is self._monitor:
            return
        self._monitor = screen
        values, same = self._settings.values, self._settings.values.screen == monitor_name(screen)
        self.width_mm.setValue(values.screen_width_mm if same else 0.0)
        self.height_mm.setValue(values.screen_height_mm if same else 0.0)
        self.distance_mm.setValue(values.distance_mm if same else 0.0)
        stated = screen.physicalSize()
        says = f" It says of itself {stated.width():.0f} × {stated.height():.0f} mm; please check." if stated.width() > 0 else ""
        self._about_monitor.setText(f"{monitor_name(screen)} pixels.{says}")
        self.confirmed.setChecked(False)
        self._judge()

    def setup(self) -> Setup | None:
        """What the form says, or None while something is missing or not confirmed."""
        sizes = self.width_mm.value(), self.height_mm.value(), self.distance_mm.value()
        if self._monitor is None or min(sizes) <= 0 or not self.confirmed.isChecked() or not self.reader.text().strip():
            return None
        pixels = native_size(self._monitor)
        return Setup(self.reader.text().strip(), self.tracker.currentData(), Screen(pixels.width(), pixels.height(), *sizes))

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        form.addRow("Reader", self.reader)
        form.addRow("Tracker", self.tracker)
        form.addRow("", self._about_tracker)
        form.addRow("Monitor", self._about_monitor)
        form.addRow("Lit width", self.width_mm)
        form.addRow("Lit height", self.height_mm)
        form.addRow("Eye to screen", self.distance_mm)
        form.addRow("", self.check)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addWidget(self.confirmed)
        column.addWidget(self.open_button)
        column.addStretch(1)

    def _size_changed(self) -> None:
        self.confirmed.setChecked(False)
        self._judge()

    def _judge(self) -> None:
        """Say what the sizes mean, and allow to go on once everything is there."""
        self._about_tracker.setText(TRACKERS[self.tracker.currentData()][1])
        sizes = self.width_mm.value(), self.height_mm.value(), self.distance_mm.value()
        self.confirmed.setEnabled(self._monitor is not None and min(sizes) > 0)
        self.check.setText("")
        if self._monitor is not None and min(sizes) > 0:
            pixels = native_size(self._monitor)
            across, down = sizes[0] / pixels.width(), sizes[1] / pixels.height()
            text = f"One degree is {Screen(pixels.width(), pixels.height(), *sizes).px_per_deg():.0f} pixels."
            odd = max(across, down) / min(across, down) > _UNSQUARE
            if odd:
                text += f" A pixel would be {across:.3f} × {down:.3f} mm, which is not square: please check."
                tint(self.check, WARNING)
            else:
                self.check.setPalette(QPalette())
            self.check.setForegroundRole(QPalette.ColorRole.WindowText if odd else QPalette.ColorRole.PlaceholderText)
            self.check.setText(text)
        self.open_button.setEnabled(self.setup() is not None)

    def _accept(self) -> None:
        setup = self.setup()
        if setup is None or self._monitor is None:
            return
        self._settings.update(
            reader=setup.reader,
            tracker=setup.tracker,
            screen=monitor_name(self._monitor),
            screen_width_mm=setup.screen.width_mm,
            screen_height_mm=setup.screen.height_mm,
            distance_mm=setup.screen.distance_mm,
        )
        self.accepted.emit(setup)


def _millimetres(name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(0.0, 3000.0)
    box.setDecimals(1)
    box.setSuffix(" mm")
    box.setSpecialValueText("not typed yet")
    box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
    box.setAccessibleName(f"{name} in mm")
    return box


def _quiet_label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label
