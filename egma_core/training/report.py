"""What a run says while it trains: events to whoever listens, to the run's log and to TensorBoard; and how fast it goes."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from egma_core.training.board import Board
from egma_core.training.place import Place
from egma_core.training.run import RunFolder

SMOOTHING = 0.9
"""Weight of the past in the running mean of a step's time."""


class Reporter:
    """Takes a run's events; of several processes only the leading one's is heard."""

    def __init__(self, run: RunFolder, emit: Callable[[dict[str, Any]], None], tensorboard: bool, step: int, place: Place) -> None:
        """Speak for a run that goes on at a step.

        Raises:
            MissingExtraError: TensorBoard is asked for and not installed.
        """
        self._run, self._emit, self._leads = run, emit, place.leads
        self._board = Board(run.path, step) if tensorboard and place.leads else None

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._board is not None:
            self._board.close()

    def __call__(self, event: str, **fields: Any) -> None:
        """Log one event and pass it on."""
        if not self._leads:
            return
        told = {"event": event, **fields}
        self._run.log(told)
        if self._board is not None:
            self._board.take(told)
        self._emit(told)


class Clock:
    """Time spent so far, a step's usual time, and the time left."""

    def __init__(self, earlier_s: float) -> None:
        """Start, after `earlier_s` seconds of earlier sessions."""
        self._started_ns = self._step_ns = perf_counter_ns()
        self._earlier_s = earlier_s
        self._usual_s = 0.0

    @property
    def total_s(self) -> float:
        """Seconds over all sessions."""
        return self._earlier_s + (perf_counter_ns() - self._started_ns) / 1e9

    def pace(self, examples: int, steps_left: int) -> dict[str, float]:
        """Examples a second in the step that ends now, and the seconds that the steps left will take."""
        seconds = max(1e-9, (perf_counter_ns() - self._step_ns) / 1e9)
        self._usual_s = SMOOTHING * self._usual_s + (1 - SMOOTHING) * seconds if self._usual_s else seconds
        return {"examples_per_s": examples / seconds, "eta_s": self._usual_s * steps_left}

    def resume(self) -> None:
        """The next step begins: an evaluation or a checkpoint in between is not its time."""
        self._step_ns = perf_counter_ns()
