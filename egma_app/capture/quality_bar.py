"""How the recording does, in a few quiet lines that a reader can ignore: they take on a colour only where something is to be done."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from egma_app.capture.session import CaptureSession
from egma_app.capture.sitting import Quality, clock_text
from egma_app.capture.voice import LevelMeter
from egma_app.widgets.labels import quiet_label
from egma_app.widgets.tints import WARNING, tint

SILENT_S = 2.0
"""Longer than this without a word from the capture process, and the bar says so."""

HIGH_LOSS = 0.2
"""A larger share of recent samples without an eye is worth a look at how the reader sits."""

NEAR_MM, FAR_MM = 450.0, 850.0
"""Outside of these, remote trackers follow eyes badly."""

LITTLE_BYTES = 5_000_000_000
"""Less room than this on the disk is worth a word."""

_QUIET_DB = -50.0


class _Line:
    """One figure with its name; hidden where there is nothing to say."""

    def __init__(self, grid: QGridLayout, row: int, name: str) -> None:
        self._name, self._value = quiet_label(name), QLabel()
        self._name.setWordWrap(False)
        self._value.setWordWrap(True)
        grid.addWidget(self._name, row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(self._value, row, 1)

    def say(self, text: str, *, warn: bool = False) -> None:
        for label in (self._name, self._value):
            label.setVisible(bool(text))
        self._value.setText(text)
        if warn:
            tint(self._value, WARNING)
        else:
            self._value.setPalette(QPalette())

    @property
    def text(self) -> str:
        return f"{self._name.text()} {self._value.text()}" if self._value.text() else ""


class QualityBar(QWidget):
    """Shows a capture session's recording; refreshes itself four times a second."""

    def __init__(self, session: CaptureSession, parent: QWidget | None = None, *, now_ns: Callable[[], int] = perf_counter_ns) -> None:
        """Follow a session.

        Args:
            session: What to follow.
            parent: Where it lies.
            now_ns: The host clock.
        """
        super().__init__(parent)
        self._session = session
        self._now_ns = now_ns
        self.setAccessibleName("Recording quality")
        self._heading = QLabel()
        self._meter = LevelMeter()
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        names = ("Gaze", "Distance", "Voice", "Disk", "Safe")
        self._lines = {name: _Line(grid, row if row < 3 else row + 1, name) for row, name in enumerate(names)}
        grid.addWidget(self._meter, 3, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self._heading)
        column.addLayout(grid)
        self._timer = QTimer(self)
        self._timer.setInterval(250)
        self._timer.timeout.connect(self.refresh)
        self._timer.start()
        self.refresh()

    @property
    def text(self) -> str:
        """What it says now."""
        said = [self._heading.text(), *(line.text for line in self._lines.values())]
        return "  ".join(text for text in said if text)

    def refresh(self) -> None:
        """Say how the recording stands now."""
        session, quality = self._session, self._session.quality
        recording = session.state in ("reading", "ending")
        now_ns = self._now_ns()
        self._heading.setText(f"●  Recording  {clock_text((now_ns - session.started_ns) / 1e9)}" if recording else "Not recording")
        self._say_gaze(quality if recording else None)
        self._say_voice(quality if recording else None)
        station = session.station
        free = quality.free_bytes if recording and quality else station.free_bytes if station else None
        self._lines["Disk"].say("" if free is None else room_text(free), warn=free is not None and free < LITTLE_BYTES)
        if recording:
            self._say_safe(quality, now_ns)
        else:
            self._lines["Safe"].say("")

    def _say_gaze(self, quality: Quality | None) -> None:
        setup = self._session.setup
        is_gaze = setup is None or setup.is_gaze
        if quality is None:
            self._lines["Gaze"].say("")
            self._lines["Distance"].say("")
            return
        lost = quality.loss > HIGH_LOSS and is_gaze
        figures = f"{quality.rate_hz:.0f} per second, {quality.loss:.0%} lost"
        self._lines["Gaze"].say(figures + (" – check how the reader sits" if lost else ""), warn=lost)
        distance_mm = quality.distance_mm
        if distance_mm is None:
            self._lines["Distance"].say("")
        else:
            advice = " – come closer" if distance_mm > FAR_MM else " – move back" if distance_mm < NEAR_MM else ""
            self._lines["Distance"].say(f"{distance_mm / 10:.0f} cm{advice}", warn=bool(advice))

    def _say_voice(self, quality: Quality | None) -> None:
        level_db = quality.level_db if quality else None
        has_voice = quality is not None and self._session.station is not None and bool(self._session.station.microphone)
        self._meter.setVisible(has_voice)
        self._meter.show_level(level_db)
        if not has_voice:
            self._lines["Voice"].say("")
        elif level_db is None:
            self._lines["Voice"].say("nothing is heard", warn=True)
        else:
            self._lines["Voice"].say(f"{level_db:.0f} dB" + (", very quiet" if level_db < _QUIET_DB else ""))

    def _say_safe(self, quality: Quality | None, now_ns: int) -> None:
        session = self._session
        heard_ns = quality.now_ns if quality else session.started_ns
        silent_s = (now_ns - heard_ns) / 1e9
        text = "waiting for the first samples"
        if quality is not None:
            text = f"up to {clock_text((quality.safe_up_to_ns - session.started_ns) / 1e9)}"
        if silent_s > SILENT_S:
            text += f", but the recorder has been silent for {silent_s:.0f} s"
        elif quality is not None and not quality.journal_ok:
            text += ", without its second copy: the journal cannot be written"
        self._lines["Safe"].say(text, warn=silent_s > SILENT_S or (quality is not None and not quality.journal_ok))


def room_text(free_bytes: int) -> str:
    """Room on a disk: `412 GB free`, `0.8 GB free`."""
    gigabytes = free_bytes / 1e9
    return f"{gigabytes:.0f} GB free" if gigabytes >= 10 else f"{gigabytes:.1f} GB free"
