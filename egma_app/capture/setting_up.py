"""Setting the reader and the screen up: the full-screen calibration, the drift check and the card, from and back to the window."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from egma_app.capture.calibration.card import CardCheck
from egma_app.capture.calibration.drift import DriftCheck
from egma_app.capture.calibration.flow import CalibrationFlow
from egma_app.capture.calibration.stage import Pace
from egma_app.capture.conduct import Conduct
from egma_app.capture.screen_size import ScreenSize
from egma_app.settings import Settings


class SettingUp(QObject):
    """Opens one of them at a time over the window; what comes of it the capture process tells.

    Attributes:
        pace: How fast targets move, or None for what the settings say.
    """

    def __init__(self, conduct: Conduct, settings: Settings, parent: QWidget) -> None:
        """Open them on the monitor that `parent` is on."""
        super().__init__(parent)
        self._conduct = conduct
        self._settings = settings
        self._widget = parent
        self.pace: Pace | None = None
        self._open = self._again = False

    def calibrate(self) -> None:
        """Calibrate and validate; without effect while no session is ready."""
        setup = self._conduct.session.setup
        if setup is not None and self._free:
            self._open = True
            study = self._conduct.study
            n_points = None if study is None else study.protocol.calibration.points
            flow = CalibrationFlow(self._conduct.recording, setup, self._settings, self._widget, n_points=n_points, pace=self.pace)
            flow.finished.connect(self._done)
            flow.open()

    def check_drift(self) -> None:
        """Check for drift; without effect while no session is ready."""
        setup = self._conduct.session.setup
        if setup is not None and self._free:
            self._open = True
            check = DriftCheck(self._conduct.recording, setup, self._widget, limits=self._conduct.standing.limits, pace=self.pace)
            check.recalibrate.connect(self._calibrate_next)
            check.finished.connect(self._done)
            check.open()

    @property
    def _free(self) -> bool:
        return not self._open and self._conduct.session.state == "ready"

    def _calibrate_next(self) -> None:
        self._again = True

    def _done(self) -> None:
        again, self._open, self._again = self._again, False, False
        self._widget.activateWindow()
        self._conduct.changed.emit()
        if again:
            self.calibrate()


def measure_screen(size: ScreenSize, parent: QWidget) -> None:
    """Measure the monitor with a card held to it, for the form."""
    if size.monitor is not None:
        width_mm, height_mm, _ = size.sizes_mm
        dialog = CardCheck(size.monitor, width_mm, height_mm, parent)
        dialog.confirmed.connect(size.set_sizes)
        dialog.open()
