"""The sentences of the reading in progress, put in order in place; what comes of it is kept beside what was said."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from egma_app import actions
from egma_app.capture.draft import Draft
from egma_app.capture.sentence_list import SentenceList
from egma_app.capture.session import CaptureSession
from egma_app.workspace import Library
from egma_core.store.store import Store
from egma_core.store.values import Changes

REASON = "edited while reading"
"""Why a revision saved here exists, as the library keeps it."""

_HINT = "What you type or dictate appears here, and can be put right."


class SentencePanel(QWidget):
    """Follows a capture session; `refresh` after each of its changes, `save` when a reading has ended.

    Attributes:
        list: The sentences.
        settled: Emitted with a reading's id when the text of the reading that ended stands: kept as a revision, or never edited.
        failed: Emitted with what went wrong while it was kept.
    """

    settled = Signal(int)
    failed = Signal(object)

    def __init__(self, session: CaptureSession, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._session = session
        self._draft = Draft()
        self._reading_id: int | None = None
        self._started_ns = 0
        self._n_taken = 0
        self._saved = True
        self.list = SentenceList()
        self.list.set_hint(_HINT)
        self._actions = actions.bind(self, self._slots())
        self._tools = QWidget()
        row = QHBoxLayout(self._tools)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(2)
        for action in self._actions.values():
            row.addWidget(_tool(action))
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.list, 1)
        column.addWidget(self._tools)
        self.list.rewritten.connect(self._rewrite)
        self.list.parted.connect(self._part)
        self.refresh()

    @property
    def texts(self) -> list[str]:
        """The sentences as they stand, by their time."""
        return [sentence.text for sentence in self._draft.sentences] if self._shown else []

    def refresh(self) -> None:
        """Take in what has been said, or begin anew with a new reading."""
        session = self._session
        if session.reading_id is not None and session.reading_id != self._reading_id:
            self._reading_id, self._started_ns = session.reading_id, session.started_ns
            self._draft, self._n_taken, self._saved = Draft(), 0, False
        if session.state != "reading":
            self.list.end_editing()
        keys = [self._draft.add(said).key for said in session.sentences[self._n_taken :]] if self._shown else []
        self._n_taken += len(keys)
        self._show()
        if keys and self.list.editor is None:
            self.list.choose(keys[-1])

    def save(self, library: Library) -> None:
        """Keep what was edited of the reading that has ended as a revision; what was said stays. `settled` or `failed` follows."""
        self.list.end_editing()
        reading_id, draft, started_ns = self._reading_id, self._draft, self._started_ns
        if reading_id is None or self._saved:
            return
        self._saved = True
        if not draft.changed:
            self.settled.emit(reading_id)
            return

        def keep(store: Store) -> Changes:
            sentences = draft.revised(started_ns, store.recorded_sentences(reading_id))
            return store.save_revision(reading_id, sentences, REASON)

        library.write(self, keep, lambda _changes: self.settled.emit(reading_id), self._on_failed)

    # -- what a person does

    def _slots(self) -> Mapping[str, actions.Slot]:
        return {
            "capture.edit": self.list.edit_chosen,
            "capture.split": self._split,
            "capture.join": self._join,
            "capture.remove": self._remove,
            "capture.undo": self._undo,
        }

    def _rewrite(self, key: int, text: str) -> None:
        self._draft.rewrite(key, text)
        self._show()

    def _part(self, key: int, first: str, second: str) -> None:
        made = self._draft.split(key, first, second)
        self._show()
        if made is not None:
            self.list.choose(made)

    def _split(self) -> None:
        """Part the sentence at the cursor of its editor; without one, open it, so that there is a cursor."""
        if self.list.editor is not None:
            self.list.editor.part()
        else:
            self.list.edit_chosen()

    def _join(self) -> None:
        self.list.end_editing()
        key = self.list.chosen
        made = self._draft.join(key) if key is not None else None
        self._show()
        if made is not None:
            self.list.choose(made)

    def _remove(self) -> None:
        key = self.list.chosen
        if key is not None and self.list.editor is None:
            self._draft.remove(key)
            self._show()

    def _undo(self) -> None:
        self._draft.undo()
        self._show()

    # -- what is shown

    @property
    def _shown(self) -> bool:
        return self._session.reading_id is not None

    def _show(self) -> None:
        sentences = self._draft.sentences if self._shown else ()
        self.list.sentences.show(sentences, self._started_ns)
        self._tools.setVisible(bool(sentences) or (self._shown and self._draft.changed))
        possible = {"edit": sentences, "split": sentences, "join": sentences[1:], "remove": sentences, "undo": self._draft.changed}
        for name, what in possible.items():
            self._actions[f"capture.{name}"].setEnabled(bool(what) and self._session.state == "reading")

    def _on_failed(self, error: BaseException) -> None:
        self._saved = False  # it can be tried again
        self.failed.emit(error)


def _tool(action: QAction) -> QToolButton:
    """A quiet button that leaves the focus where it is, so that an open editor stays open."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setAutoRaise(True)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return button
