"""A sitting from the filled form to the last reading: what may happen when, and what is said about it; the screens only show it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, cast

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from egma_app.capture.calibration.advice import RecalibrationLimits
from egma_app.capture.dictation import Dictation, Mode
from egma_app.capture.film_panel import FilmPanel
from egma_app.capture.monitor import MonitorWatch, native_size
from egma_app.capture.opening import SessionOpening
from egma_app.capture.recording import Recording
from egma_app.capture.screen_size import unlike
from egma_app.capture.signing import SignOff
from egma_app.capture.sitting import Setup
from egma_app.capture.standing import Standing
from egma_app.capture.study import Study
from egma_app.messages import Message
from egma_app.settings import Settings
from egma_app.workspace import Library
from egma_core.errors import EgmaError, RecordingError
from egma_core.recording.gate import GateLimits

USE_DISPLAY = "Use the tracker's"
_ENDED: dict[str, str] = {"signed_off": "Signed off.", "kept": "Kept.", "redone": "", "discarded": "Discarded."}
_CUT_SHORT = "The recording had to end."


class Conduct(QObject):
    """Leads one sitting after another.

    Attributes:
        changed: Emitted after whatever changes how things stand.
        said: Emitted with (`Message`, kind, button) of what a person should know.
        failed: Emitted with the error when something is refused or goes wrong.
        opened: Emitted when a session is open.
        lost: Emitted when the capture process is gone without having been asked to go.
        recording: The capture process and its session.
        session: What may be asked of it now.
        watch: Whether the window keeps to the tracked monitor.
        standing: How the reader is calibrated.
        signing: Leads a reading through the gate.
        dictation: Turns speech into text beside it.
        study: The study protocol of the sitting, or None.
        finished: How the reading of the chosen study has ended, in words; "" while there is none, or it is to be read again.
    """

    changed = Signal()
    said = Signal(object, str, str)
    failed = Signal(object)
    opened = Signal()
    lost = Signal()

    def __init__(self, film: FilmPanel, settings: Settings, parent: QWidget) -> None:
        """Lead what is shown in `film`; ask over `parent`."""
        super().__init__(parent)
        self._settings = settings
        self._film = film
        self._library: Library | None = None
        self.finished = ""
        self.study: Study | None = None
        self.recording = Recording(film.view, self)
        self.session = self.recording.session
        self.watch = MonitorWatch(film.view, self)
        self.standing = Standing()
        self.signing = SignOff(self.recording, parent)
        self.dictation = Dictation(self.recording, self)
        self._opening = SessionOpening(parent)
        self._connect()

    def set_library(self, library: Library | None) -> None:
        """Record into another library from the next session on."""
        self._library = library

    # -- what a person does

    def open(self, setup: Setup) -> None:
        """Open a session as set up, once the reader has consented; an open one is ended first."""
        if self._library is not None:
            self._opening.begin(self._library, setup)

    def begin(self, study_id: int) -> None:
        """Begin a reading, if the window, the calibration and the session allow it."""
        self.try_to(lambda: self._begin(study_id))

    def sign_off(self) -> None:
        """Keep what is still being typed or said, and lead the reading through the gate."""
        self._film.line.keep()
        self.dictation.finish(self.signing.begin)

    def discard(self) -> None:
        """Ask why, and end the reading as discarded."""
        self.signing.discard()

    def end(self) -> None:
        """End the session between two readings."""
        if self.session.state == "ready":
            self.finished = ""
            self.recording.close()

    def use_display(self) -> None:
        """Open the session anew with the size of the screen that the tracker is set up for."""
        station, setup = self.session.station, self.session.setup
        if station is not None and setup is not None and station.display_mm is not None and self.session.state == "ready":
            width_mm, height_mm = station.display_mm
            screen = dataclasses.replace(setup.screen, width_mm=width_mm, height_mm=height_mm)
            self._open(dataclasses.replace(setup, screen=screen))

    def try_to(self, act: Callable[[], object]) -> None:
        """Do something that may be refused, and tell how things stand afterwards."""
        try:
            act()
        except EgmaError as error:
            self.failed.emit(error)
        self.changed.emit()

    def close(self) -> None:
        """End the session and let every process go."""
        self.dictation.close()
        self.recording.close()
        self.watch.track(None)

    @property
    def obstacle(self) -> str:
        """Why a film must not be shown for a reading now, in words; "" while it may."""
        return self.watch.trouble if self.study is None or self.study.protocol.display.stay else ""

    def possible(self, *, films_ready: bool) -> dict[str, bool]:
        """Which actions of the workspace make sense now, by the name behind `capture.`."""
        session = self.session
        idle = session.state in ("closed", "ready")
        gaze = session.state == "ready" and session.setup is not None and session.setup.is_gaze
        return {
            "session": idle and self._library is not None,
            "end_session": session.state == "ready",
            "start": idle and films_ready,
            "next": idle,
            "search": idle,
            "sign_off": session.state == "reading",
            "discard": session.state == "reading",
            "talk": self.dictation.state != "off",
            "calibrate": gaze,
            "drift": gaze,
        }

    def _open(self, setup: Setup) -> None:
        library = self._library
        if library is not None:
            self.finished = ""
            self.standing.forget()
            self.try_to(lambda: self._start(library, setup))

    def _start(self, library: Library, setup: Setup) -> None:
        study, screen = Study.of(setup), self._film.view.screen()
        pixels = native_size(screen)
        if (pixels.width(), pixels.height()) != (setup.screen.width_px, setup.screen.height_px):
            raise RecordingError("The window has come to another monitor.", "Confirm that monitor's size, then open the session.")
        self.recording.open(library.location, setup)
        self.study = study
        self.watch.track(screen)
        self.signing.limits = study.protocol.gate if study is not None else GateLimits()
        self.standing.limits = study.recalibration if study is not None else RecalibrationLimits()
        self.dictation.mode = (study.mode if study is not None else None) or cast(Mode, self._settings.values.dictation_mode)

    def _begin(self, study_id: int) -> None:
        self.watch.look()
        if self.obstacle:
            raise RecordingError(self.obstacle)
        setup = self.session.setup
        if self.study is not None and setup is not None and setup.is_gaze:
            refusal = self.standing.refusal(self.study.protocol.calibration)
            if refusal:
                raise RecordingError(refusal, "Calibrate now.")
        self.finished = ""
        self.session.begin(study_id)

    # -- what happens

    def _connect(self) -> None:
        self._opening.allowed.connect(self._open)
        self._opening.said.connect(lambda message: self.said.emit(message, "note", ""))
        self._opening.failed.connect(self.failed)
        self.signing.failed.connect(self.failed)
        self.signing.changed.connect(self.changed)
        self.watch.noted.connect(self.session.note)
        self.watch.changed.connect(self.changed)
        self.dictation.changed.connect(self.changed)
        self._film.line.said.connect(lambda said: self.try_to(lambda: self.session.say(said)))
        self._film.line.edited.connect(self.session.edit)
        self.recording.told.connect(self._told)
        self.recording.opened.connect(self._opened)
        self.recording.begun.connect(self._film.line.begin)
        self.recording.ended.connect(self._ended)
        self.recording.complained.connect(self.failed)
        self.recording.lost.connect(self._lost)
        self.recording.changed.connect(self._follow)

    def _opened(self) -> None:
        station, setup = self.session.station, self.session.setup
        if station is not None and setup is not None and station.display_mm is not None:
            odd = unlike((setup.screen.width_mm, setup.screen.height_mm), station.display_mm)
            if odd:
                typed = f"The screen was typed as {setup.screen.width_mm:.0f} × {setup.screen.height_mm:.0f} mm."
                self.said.emit(Message(typed, odd.strip()), "error", USE_DISPLAY)
        self.opened.emit()

    def _told(self, event: Mapping[str, Any]) -> None:
        if self.standing.take(event):
            self.changed.emit()

    def _ended(self, how: str) -> None:
        self.standing.read()
        self.finished = _ENDED.get(how, _CUT_SHORT)
        if how not in _ENDED:
            self.said.emit(
                Message(_CUT_SHORT, "What was recorded is kept, marked as broken off; see that there is room on the disk."), "error", ""
            )

    def _lost(self, words: str, safe: str) -> None:
        remedy = f"The reading is safe up to {safe}; it is offered again below." if safe else "Open a session again."
        self.said.emit(Message(words, remedy), "error", "")
        self.lost.emit()

    def _follow(self) -> None:
        if self.session.state == "closed":
            self.study = None
            self.watch.track(None)
        self.changed.emit()
