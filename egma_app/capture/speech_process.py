"""The window's end of the process that turns speech into text."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from egma_app import jobs

PROCESS = "egma_core.dictation.process"
_EXIT_MS = 3000


class SpeechProcess(QObject):
    """One process at a time; those let go before may still be finishing.

    Attributes:
        told: Emitted with each event of the process, a dict.
        lost: Emitted when the process is gone without having been let go.
    """

    told = Signal(object)
    lost = Signal()

    def __init__(self, parent: QObject) -> None:
        """Start without a process."""
        super().__init__(parent)
        self._child: jobs.Child | None = None
        self._retired: list[jobs.Child] = []

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._child is not None

    def open(self, library: str, engine: str, model: str) -> None:
        """Start a process and make an engine ready in it, with the folder of its model where it needs one."""
        self.let_go()
        child = self._child = jobs.Child(PROCESS, "Dictation", parent=self)
        child.received.connect(self.told)
        child.ended.connect(self._on_ended)
        child.start()
        self.send("open", library=library, engine=engine, **({"model": model} if model else {}))

    def send(self, do: str, **fields: Any) -> None:
        """Send a command; without effect while there is no process."""
        if self._child is not None:
            self._child.send({"do": do, **fields})

    def let_go(self) -> None:
        """Let the process finish by itself; it is not listened to any more."""
        child, self._child = self._child, None
        if child is not None:
            child.received.disconnect(self.told)
            child.ended.disconnect(self._on_ended)
            child.ended.connect(self._bury)
            self._retired.append(child)
            child.finish()

    def close(self) -> None:
        """Let the process go, and wait for it: for a window that is closing."""
        self.let_go()
        for child in list(self._retired):
            child.wait(_EXIT_MS)

    def _bury(self) -> None:
        for child in [one for one in self._retired if not one.running]:
            self._retired.remove(child)
            child.deleteLater()

    def _on_ended(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.deleteLater()
        self.lost.emit()
