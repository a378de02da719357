"""From a filled form to an open session: consent asked once, the voice left out where it was not allowed."""

from __future__ import annotations

import dataclasses
from functools import partial

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from egma_app import jobs
from egma_app.capture.consent import ConsentDialog, must_ask
from egma_app.capture.sitting import Setup
from egma_app.messages import Message
from egma_app.workspace import Library
from egma_core.store.values import Consent

_REFUSED = Message("Nothing is recorded without the reader's consent.", "Films can be looked at all the same.")
_SILENT = Message("The voice is not recorded: the reader has not allowed it.", "What is seen can be typed.")


class SessionOpening(QObject):
    """Asks what must be asked before a session is opened.

    Attributes:
        allowed: Emitted with the `Setup` to open.
        said: Emitted with a `Message` for the person.
        failed: Emitted with the error when the library cannot be asked.
    """

    allowed = Signal(object)
    said = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        """Ask over `parent`."""
        super().__init__(parent)
        self._widget = parent
        self._asking = False

    def begin(self, library: Library, setup: Setup) -> None:
        """Look whether the reader has consented, and ask if not; without effect while somebody is being asked."""
        if not self._asking:
            self._asking = True
            reader = setup.reader.strip()
            jobs.run(self, lambda: library.store.consent(reader), partial(self._known, library, setup), self._fail)

    def _known(self, library: Library, setup: Setup, consent: Consent | None) -> None:
        voice = bool(setup.microphone)
        if not must_ask(consent, voice=voice):
            self._allow(setup)
            return
        dialog = ConsentDialog(setup.reader.strip(), self._widget, voice=voice)
        dialog.answered.connect(partial(self._answered, library, setup))
        dialog.rejected.connect(self._refused)
        dialog.finished.connect(self._widget.activateWindow)  # not every X server has somebody who gives the focus back
        dialog.open()

    def _answered(self, library: Library, setup: Setup, consent: Consent) -> None:
        reader = setup.reader.strip()
        library.write(
            self,
            lambda store: store.set_consent(reader, consent),
            lambda _changes: self._decided(setup, consent),
            self._fail,
        )

    def _decided(self, setup: Setup, consent: Consent) -> None:
        if not consent.covers("gaze"):
            self._refused()
            return
        if setup.microphone and not consent.covers("voice"):
            setup = dataclasses.replace(setup, microphone="", engine="", model="")
            self.said.emit(_SILENT)
        self._allow(setup)

    def _allow(self, setup: Setup) -> None:
        self._asking = False
        self.allowed.emit(setup)

    def _refused(self) -> None:
        self._asking = False
        self.said.emit(_REFUSED)

    def _fail(self, error: BaseException) -> None:
        self._asking = False
        self.failed.emit(error)
