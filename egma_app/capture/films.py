"""The films of the chosen study, decoded beside the window, with the one on the screen."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from egma_app import jobs
from egma_app.capture.worklist import in_reading_order
from egma_core.dicom.image import DicomImage
from egma_core.store.values import InstanceEntry, StudyEntry


class StudyFilms(QObject):
    """Decodes a study's films in the order they are hung and remembers which one is shown.

    Attributes:
        ready: Emitted when every film of the study has been decoded.
        failed: Emitted with the error when one cannot be.
        shown_changed: Emitted when another film is to be shown.
    """

    ready = Signal()
    failed = Signal(object)
    shown_changed = Signal()

    def __init__(self, parent: QObject) -> None:
        """Start without a study."""
        super().__init__(parent)
        self.study: StudyEntry | None = None
        self.instances: list[InstanceEntry] = []
        self.images: list[DicomImage] = []
        self.shown = 0
        self._job: jobs.Job | None = None

    def load(self, study: StudyEntry | None) -> None:
        """Begin to decode a study's films; what an earlier call still decodes is dropped."""
        if self._job is not None:
            self._job.drop()
            self._job = None
        self.study = study
        self.instances = in_reading_order(study.instances) if study is not None else []
        self.images = []
        self.shown = 0
        self.shown_changed.emit()
        if self.instances:
            films = tuple(self.instances)
            self._job = jobs.run(self, lambda: [_decode(film) for film in films], self._decoded, self.failed.emit)

    @property
    def is_ready(self) -> bool:
        """Whether every film has been decoded."""
        return bool(self.instances) and len(self.images) == len(self.instances)

    @property
    def image(self) -> DicomImage | None:
        """The film to be shown, once decoded."""
        return self.images[self.shown] if self.is_ready else None

    def show(self, number: int) -> None:
        """Choose a film, counted from 0; without effect where there is none."""
        if 0 <= number < len(self.instances) and number != self.shown:
            self.shown = number
            self.shown_changed.emit()

    def caption(self) -> str:
        """Patient and film in words: `P-12ab · film 1 of 2 · PA`."""
        if self.study is None:
            return ""
        film = self.instances[self.shown]
        parts = [self.study.patient]
        if len(self.instances) > 1:
            parts.append(f"film {self.shown + 1} of {len(self.instances)}")
        parts.append(" ".join(part for part in (film.modality, film.view_position) if part))
        return "   ·   ".join(part for part in parts if part)

    def _decoded(self, images: list[DicomImage]) -> None:
        self._job = None
        self.images = images
        self.ready.emit()


def _decode(film: InstanceEntry) -> DicomImage:
    from egma_core.dicom.reader import read_copy  # the decoders load with the first film, beside the window

    return read_copy(film.path, film.sha256)
