"""The line in which a reader types what is seen: one sentence at a time, and every change of it with its time."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from egma_app.capture.sitting import SaidSentence
from egma_core.store.values import TextEdit

_HINT = "Type what you see; Return keeps the sentence, Esc goes back to the film"
_LONGEST = 2000


class SentenceLine(QLineEdit):
    """Keeps the onset (first key) and offset (last key) of what is being typed, and tells every change as it happens.

    What an input method composes counts from the moment its characters enter the line; pasted or dropped text is one change.

    Attributes:
        said: Emitted with a `SaidSentence` when Return is pressed on words.
        edited: Emitted with a `TextEdit` for every change that the reader makes. Lines are counted from 0 in each reading; each
            sentence, kept or thrown away, has a line of its own.
    """

    said = Signal(object)
    edited = Signal(object)

    def __init__(self, parent: QWidget | None = None, *, now_ns: Callable[[], int] = perf_counter_ns) -> None:
        """Start empty.

        Args:
            parent: Where it lies.
            now_ns: The host clock.
        """
        super().__init__(parent)
        self._now_ns = now_ns
        self._onset_ns: int | None = None
        self._offset_ns = 0
        self._line = 0
        self._before: str | None = None
        self.setAccessibleName("Sentence")
        self.setMaxLength(_LONGEST)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)  # it would lie over the film
        self.textEdited.connect(self._edited)
        self.returnPressed.connect(self.keep)

    def begin(self) -> None:
        """A reading begins: start with an empty line 0."""
        self.forget()
        self._line = 0

    def keep(self) -> None:
        """End the sentence, if there are words."""
        text = " ".join(self.text().split())
        onset_ns = self._onset_ns
        self.forget()
        if text and onset_ns is not None:
            self.said.emit(SaidSentence(text, onset_ns, self._offset_ns))

    def forget(self) -> None:
        """Throw away what is typed; what is typed next goes into a line of its own."""
        self.setText("")  # unlike `clear`, cannot be undone into the next line
        self._onset_ns = None
        if self._before is not None:
            self._line += 1
            self._before = None

    def changeEvent(self, event: QEvent) -> None:
        """Say how it is used only while it can be used."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.EnabledChange:
            self.setPlaceholderText(_HINT if self.isEnabled() else "")

    def _edited(self, text: str) -> None:
        now_ns = self._now_ns()
        if not text.strip():
            self._onset_ns = None
        elif self._onset_ns is None:
            self._onset_ns = now_ns
        self._offset_ns = now_ns
        before, self._before = self._before or "", text
        position, removed, inserted = difference(before, self._before, _behind(text, self.cursorPosition()))
        if removed or inserted:
            self.edited.emit(TextEdit(now_ns, self._line, position, removed, inserted))


def difference(before: str, after: str, behind: int) -> tuple[int, str, str]:
    """The one change that made `after` of `before`.

    Where several would (an `l` typed into `ill`), the one that ends at the cursor.

    Args:
        before: The text before.
        after: The text after.
        behind: Characters of `after` behind the cursor.

    Returns:
        (position, removed, inserted), in characters: `before[:position] + inserted + before[position + len(removed):]` is `after`.
    """
    shorter = min(len(before), len(after))
    tail = 0
    while tail < min(behind, shorter) and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    head = 0
    while head < shorter - tail and before[head] == after[head]:
        head += 1
    return head, before[head : len(before) - tail], after[head : len(after) - tail]


def _behind(text: str, cursor: int) -> int:
    """How many characters lie behind a cursor that counts in UTF-16 units, as Qt's do."""
    return len(text.encode("utf-16-le")[2 * cursor :].decode("utf-16-le"))
