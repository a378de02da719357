"""One training run in its child process, seen from the window: started, stopped with its work saved, and outlived if it dies."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from egma_app.jobs import Child
from egma_app.messages import Message

MANIFEST, CONFIG = "manifest.json", "config.toml"
"""Names of the two files in a run's folder of inputs."""

GRACE_MS = 60_000
"""How long a run may take to save its work when the window closes."""

_CRASHED = (
    "What it saved before is kept in the run folder. If memory ran short, choose a smaller batch or picture, or close other programs; "
    "then start again."
)


class TrainingRun(QObject):
    """A run from its start to its end.

    Attributes:
        folder: The run's folder.
        received: Emitted with each event of the run.
        finished: Emitted once with (outcome, message): `done`, `stopped` or `failed`, and what to tell the person.
    """

    received = Signal(object)
    finished = Signal(str, object)

    def __init__(self, folder: Path, inputs: Path, parent: QObject) -> None:
        """Describe the run; `start` starts it.

        Args:
            folder: Where the run lies.
            inputs: A folder with its manifest and configuration, which is removed when the run has ended.
            parent: The owner.
        """
        super().__init__(parent)
        self.folder = folder
        self._inputs = inputs
        self._outcome = ""
        self._trouble: Message | None = None
        arguments = ["--manifest", str(inputs / MANIFEST), "--config", str(inputs / CONFIG), "--out", str(folder)]
        self.child = Child("egma_core.training.process", "Training", arguments, self, grace_ms=GRACE_MS)
        self.child.received.connect(self._take)
        self.child.ended.connect(self._ended)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self.child.running

    def start(self) -> None:
        """Start the process."""
        self.child.start()

    def stop(self) -> None:
        """Ask the run to save a checkpoint and end; it answers with `finished`."""
        self.child.send({"do": "stop"})

    def close(self) -> bool:
        """Stop, and wait until the work is saved, for a window that is closing; whether it was."""
        self.stop()
        self.child.finish()
        return self.child.wait(GRACE_MS)

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind in ("done", "stopped"):
            self._outcome = kind
        elif kind == "error":
            self._trouble = Message(str(event["what"]), str(event.get("remedy", "")))
        self.received.emit(event)

    def _ended(self, words: str, ok: bool) -> None:
        shutil.rmtree(self._inputs, ignore_errors=True)
        if self._trouble is not None:
            self.finished.emit("failed", self._trouble)
        elif ok and self._outcome:
            self.finished.emit(self._outcome, Message(""))
        else:
            self.finished.emit("failed", Message(words or "Training has ended without saying why.", _CRASHED))
