"""Beside the film, for whoever asks: the sentence said last, and on a researcher's wish where the eyes were while it was said."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QCheckBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from egma_app import jobs
from egma_app.capture.recording import Recording
from egma_app.capture.sitting import SaidSentence, clock_text
from egma_app.viewer.canvas import FilmCanvas
from egma_app.workspace import Library
from egma_core.dicom.image import DicomImage
from egma_core.geometry import Rect
from egma_core.speech.sentences import Sentence, TextOrigin
from egma_core.store.store import Store

_FINEST = 256  # cells along the film's longer side
_HEAT = "heat"
_OPACITY = 0.7
_NOTHING_SAID = "Nothing has been said yet."


@dataclass(frozen=True)
class _Look:
    """Where the eyes were.

    Attributes:
        instance_uid: The film.
        image: The film, or None where it is the one shown already.
        heat: (rows, columns, 4) RGBA picture of the gaze map.
        extent: The rectangle of the film that it covers, in image pixels.
        window_s: The interval looked at, in seconds since the reading's start.
        seconds: How long the eyes rested on the film in it.
    """

    instance_uid: str
    image: DicomImage | None
    heat: NDArray[np.uint8]
    extent: Rect
    window_s: tuple[float, float]
    seconds: float


class PreviewPanel(QWidget):
    """Follows a recording while it is shown; hidden until somebody asks for it. The recording notes when it was seen.

    Attributes:
        eyes: The researcher's switch: whether to show where the eyes were.
        film: The film, small, with the gaze map over it.
        failed: Emitted with what went wrong.
    """

    failed = Signal(object)

    def __init__(self, recording: Recording, library: Library | None, parent: QWidget | None = None) -> None:
        """Start hidden, with the switch off."""
        super().__init__(parent)
        self._session = recording.session
        self._library = library
        self._said: SaidSentence | None = None
        self._shown: SaidSentence | None = None
        self._film_uid = ""
        self._reading_id: int | None = None
        self._job: jobs.Job | None = None
        self._sentence, self._remark = QLabel(_NOTHING_SAID), QLabel()
        for label in (self._sentence, self._remark):
            label.setWordWrap(True)
        self._remark.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.eyes = QCheckBox("Where the eyes were")
        self.eyes.setToolTip("For the researcher: the gaze that belongs to this sentence, from what is stored so far")
        self.film = FilmCanvas()
        self.film.setMinimumHeight(200)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget, stretch in ((self._sentence, 0), (self.eyes, 0), (self.film, 1), (self._remark, 0)):
            column.addWidget(widget, stretch)
        self.eyes.toggled.connect(self._switched)
        recording.changed.connect(self.refresh)
        recording.measured.connect(self.refresh)
        self.hide()
        self._switched(False)

    @property
    def text(self) -> str:
        """What it says now."""
        return " ".join(label.text() for label in (self._sentence, self._remark) if label.text())

    def set_library(self, library: Library | None) -> None:
        """Look into another library."""
        self._library = library
        self._forget()

    def toggle(self) -> None:
        """Show the preview, or put it away."""
        self.setVisible(self.isHidden())
        self._note()
        self.refresh()

    def refresh(self) -> None:
        """Show the sentence said last, and once its gaze is stored, that."""
        session = self._session
        if self.isHidden():
            return
        if session.state == "reading" and session.reading_id != self._reading_id:
            self._note()
        said = session.sentences[-1] if session.sentences else None
        if said is None:
            self._forget()
            return
        if said is not self._said:
            self._said = said
            self._sentence.setText(f"{clock_text((said.onset_ns - session.started_ns) / 1e9)}   {said.text}")
        if self.eyes.isChecked() and said is not self._shown:
            self._look(said)

    def _switched(self, on: bool) -> None:
        self._show_film(on and self.film.image is not None)
        self._remark.setVisible(on)
        if not on:
            self._shown = None
        self._note()
        self.refresh()

    def _show_film(self, shown: bool) -> None:
        """With the film, take the room there is; without it, no more than the words need."""
        self.film.setVisible(shown)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred if shown else QSizePolicy.Policy.Maximum)

    def _note(self) -> None:
        """Gaze of a reader who has seen where the own eyes were is not gaze of one who has not."""
        self._reading_id = self._session.reading_id
        seen = "" if self.isHidden() else "with gaze" if self.eyes.isChecked() else "without gaze"
        self._session.note("preview", f"The preview is shown {seen}." if seen else "The preview is hidden.")

    def _look(self, said: SaidSentence) -> None:
        session, library = self._session, self._library
        safe_ns = session.quality.safe_up_to_ns if session.quality else session.started_ns
        if library is None or session.reading_id is None:
            return
        if safe_ns < said.offset_ns:
            self._remark.setText("Waiting until its gaze is stored…")
            return
        if self._job is not None:
            self._job.drop()
        self._shown = said
        work = _looking(library.store, session.reading_id, _in_seconds(said, session.started_ns), self._film_uid)
        self._job = jobs.run(self, work, self._show, self._on_failed)

    def _show(self, look: _Look | None) -> None:
        self._job = None
        if look is None:
            self.film.set_overlay(_HEAT, None)
            self._remark.setText("No gaze on a film belongs to this sentence.")
            return
        if look.image is not None:
            self.film.set_image(look.image)
            self._show_film(self.eyes.isChecked())
        self._film_uid = look.instance_uid
        self.film.set_overlay(_HEAT, look.heat, extent=look.extent, opacity=_OPACITY)
        start, end = look.window_s
        self._remark.setText(f"{look.seconds:.1f} s on this film, between {start:.1f} s and {end:.1f} s")

    def _on_failed(self, error: BaseException) -> None:
        self._job = None
        self._remark.setText("Its gaze cannot be shown.")
        self.failed.emit(error)

    def _forget(self) -> None:
        if self._said is None:
            return
        if self._job is not None:
            self._job.drop()
            self._job = None
        self._said = self._shown = None
        self._film_uid = ""
        self._sentence.setText(_NOTHING_SAID)
        self._remark.clear()
        self.film.set_image(None)
        self._show_film(False)


def _in_seconds(said: SaidSentence, started_ns: int) -> Sentence:
    onset_s, offset_s = ((moment - started_ns) / 1e9 for moment in (said.onset_ns, said.offset_ns))
    return Sentence(said.text, onset_s, offset_s, cast(TextOrigin, said.origin))


def _looking(store: Store, reading_id: int, sentence: Sentence, shown_uid: str) -> Callable[[], _Look | None]:
    """The work of finding out where the eyes were, for a thread of its own."""

    def look() -> _Look | None:
        from egma_core.alignment.maps import density  # what computes loads with the first look, beside the window
        from egma_core.dicom.reader import read_copy
        from egma_core.overlay.maps import heat_map_rgba
        from egma_core.preview import preview_sentence

        found = preview_sentence(store, reading_id, sentence)
        if found is None:
            return None
        film = store.instance(found.instance_uid)
        step = max(1, math.ceil(max(film.rows, film.columns) / _FINEST))
        heat = heat_map_rgba(density(found, (film.rows, film.columns), step), opacity=1.0)
        extent = Rect(0.0, 0.0, float(heat.shape[1] * step), float(heat.shape[0] * step))
        image = None if found.instance_uid == shown_uid else read_copy(film.path, film.sha256)
        return _Look(found.instance_uid, image, heat, extent, found.window_s, float(found.weight_s.sum()))

    return look
