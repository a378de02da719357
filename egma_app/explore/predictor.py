"""The predictor's child process, seen from the window: one question on its way at a time, and restarted when it has died."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal

from egma_app.jobs import Child
from egma_app.messages import Message
from egma_core.alignment.patches import PatchGrid
from egma_core.geometry import Transform
from egma_core.inference.prediction import Prediction, SimilarityMap

_CRASHED = "Start it again; if that happens again, try another film or checkpoint, or close other programs."


@dataclass(frozen=True)
class _Sent:
    """A command that has not been answered."""

    do: str
    film: str = ""
    topic: str = ""


class PredictorProcess(QObject):
    """Answers questions about one film at a time. A newer question on a topic takes the place of one that still waits.

    Attributes:
        loaded: Emitted with the `loaded` event of a checkpoint.
        seen: Emitted with the id of a film that the model has seen.
        answered: Emitted with (film id, topic, `Prediction`).
        failed: Emitted with a `Message` when a command could not be carried out.
        died: Emitted with a `Message` when the process has ended unasked; `restart` starts it again.
    """

    loaded = Signal(object)
    seen = Signal(str)
    answered = Signal(str, str, object)
    failed = Signal(object)
    died = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        """Start without a process; `load` starts one."""
        super().__init__(parent)
        self.child: Child | None = None
        self._checkpoint: Path | None = None
        self._film: tuple[str, Path, int] | None = None
        self._questions: dict[str, dict[str, list[str]]] = {}
        self._waiting: dict[str, dict[str, list[str]]] = {}
        self._sent: deque[_Sent] = deque()
        self._ready = False

    @property
    def busy(self) -> bool:
        """Whether an answer is on its way."""
        return bool(self._sent)

    def load(self, checkpoint: Path) -> None:
        """Load a checkpoint, and show it the film and the questions there are."""
        self._checkpoint = checkpoint
        self._ready = False
        self._waiting.clear()
        if self.child is None:
            self.child = Child("egma_core.inference.process", "Prediction", parent=self)
            self.child.received.connect(self._take)
            self.child.ended.connect(self._ended)
            self.child.start()
        self._send(_Sent("load"), checkpoint=str(checkpoint))

    def restart(self) -> None:
        """Start the process again where it was."""
        if self.child is None and self._checkpoint is not None:
            self.load(self._checkpoint)

    def show_film(self, film: str, path: Path, frame: int = 0) -> None:
        """Show the model a film, by an id; questions about the one before are forgotten."""
        self._film = (film, path, frame)
        self._questions.clear()
        self._waiting.clear()
        if self._ready:
            self._send_film()

    def ask(self, topic: str, prompts: Mapping[str, Sequence[str]]) -> None:
        """Ask about the film: classes with their sentences. Without any, the topic is forgotten."""
        plain = {name: list(sentences) for name, sentences in prompts.items()}
        if not plain:
            self._questions.pop(topic, None)
            self._waiting.pop(topic, None)
            return
        self._questions[topic] = plain
        self._waiting[topic] = plain
        self._go_on()

    def close(self) -> None:
        """Let the process go."""
        child, self.child = self.child, None
        self._sent.clear()
        self._ready = False
        if child is not None:
            child.ended.disconnect(self._ended)
            child.ended.connect(child.deleteLater)
            child.finish()
            child.wait()

    def _send(self, sent: _Sent, **fields: Any) -> None:
        if self.child is not None:
            self._sent.append(sent)
            self.child.send({"do": sent.do, **fields})

    def _send_film(self) -> None:
        if self._film is not None:
            film, path, frame = self._film
            self._send(_Sent("film", film), path=str(path), id=film, frame=frame)

    def _go_on(self) -> None:
        """Send the next waiting question, once the film is seen and no other question is on its way."""
        if self._film is None or not self._ready or self._sent or not self._waiting:
            return
        topic, prompts = self._waiting.popitem()
        self._send(_Sent("predict", self._film[0], topic), id=self._film[0], prompts=prompts)

    def _take(self, event: Mapping[str, Any]) -> None:
        sent = self._sent.popleft() if self._sent else _Sent("")
        current = self._film is not None and sent.film == self._film[0]
        if event["event"] == "error":
            self._refused(sent, Message(str(event["what"]), str(event.get("remedy", ""))), current=current)
        elif event["event"] == "loaded":
            self._ready = True
            self._waiting = dict(self._questions)
            self.loaded.emit(event)
            self._send_film()
        elif event["event"] == "film" and current:
            self.seen.emit(sent.film)
        elif event["event"] == "prediction" and current and sent.topic in self._questions:
            self.answered.emit(sent.film, sent.topic, prediction_of(event))
        self._go_on()

    def _refused(self, sent: _Sent, message: Message, *, current: bool) -> None:
        if sent.do == "film" and current:
            self._waiting.clear()  # nothing can be asked about a film that was not seen
            self._film = None
        if current or sent.do == "load":
            self.failed.emit(message)

    def _ended(self, words: str, _ok: bool) -> None:
        child, self.child = self.child, None
        if child is not None:
            child.deleteLater()
        self._sent.clear()
        self._waiting.clear()
        self._ready = False
        self.died.emit(Message(words or "Prediction has ended.", _CRASHED))


def prediction_of(event: Mapping[str, Any]) -> Prediction:
    """The `Prediction` that a `prediction` event stands for."""
    cells = np.asarray(event["maps"], dtype=np.float32)
    to_network = Transform("image", "network", *(float(number) for number in event["image_to_network"]))
    grid = PatchGrid(cells.shape[1], cells.shape[2], int(event["size_px"]), to_network)
    rows, columns = (int(number) for number in event["image_shape"])
    sentences = tuple(str(sentence) for sentence in event["sentences"])
    return Prediction(
        classes=tuple(str(name) for name in event["classes"]),
        scores=np.asarray(event["scores"], dtype=np.float32),
        probabilities=np.asarray(event["probabilities"], dtype=np.float32),
        sentences=sentences,
        sentence_scores=np.asarray(event["sentence_scores"], dtype=np.float32),
        maps=tuple(SimilarityMap(sentence, cells[i], grid, (rows, columns)) for i, sentence in enumerate(sentences)),
    )
