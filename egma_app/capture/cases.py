"""Reads the worklist beside the window: the library's studies, or the cases of a study protocol in the reader's own order."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from egma_app import jobs
from egma_app.capture.study import Study
from egma_app.messages import Message
from egma_app.widgets.words import count_text
from egma_app.workspace import Library
from egma_core.recording.protocol import CaseList, case_list
from egma_core.store.values import StudyEntry


class Cases(QObject):
    """What there is to read.

    Attributes:
        listed: Emitted with the list of `StudyEntry`.
        said: Emitted with a `Message` where a protocol names cases that cannot be read.
        failed: Emitted with the error when the library cannot be read.
    """

    listed = Signal(object)
    said = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject) -> None:
        """Nothing has been asked yet."""
        super().__init__(parent)
        self._job: jobs.Job | None = None
        self._complained = ""

    def read(self, library: Library | None, study: Study | None, reader: str) -> None:
        """Read the list; `listed` follows, and what an earlier call still reads is dropped."""
        if self._job is not None:
            self._job.drop()
            self._job = None
        if library is None:
            self.listed.emit(list[StudyEntry]())
        elif study is None:
            self._complained = ""
            self._job = jobs.run(self, library.store.studies, self.listed.emit, self.failed.emit)
        else:
            store, protocol = library.store, study.protocol
            work = lambda: case_list(protocol, store.studies(), store.readings(), reader)  # noqa: E731 - given to a thread
            self._job = jobs.run(self, work, self._take, self.failed.emit)

    def _take(self, cases: CaseList) -> None:
        self.listed.emit(list(cases.studies))
        parts = [count_text(len(cases.missing), "case that this library lacks", "cases that this library lacks")] if cases.missing else []
        parts += (
            [count_text(len(cases.ambiguous), "patient with several studies", "patients with several studies")] if cases.ambiguous else []
        )
        words = " and ".join(parts)
        if words and words != self._complained:
            what = f"The study protocol names {words}; they are left out."
            self.said.emit(Message(what, "Import the films, or name the Study Instance UID where a patient has several."))
        self._complained = words
