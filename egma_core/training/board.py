"""A run's events as TensorBoard's curves."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egma_core.errors import MissingExtraError

FOLDER = "tensorboard"
WORDS = ("event", "step", "steps", "best")


class Board:
    """The figures of steps and evaluations, each a curve over the steps."""

    def __init__(self, run: Path, step: int) -> None:
        """Write below a run's folder, going on at a step; later points, of a run that died, are left out by TensorBoard.

        Raises:
            MissingExtraError: TensorBoard is not installed.
        """
        try:
            writer = importlib.import_module("torch.utils.tensorboard").SummaryWriter
        except ImportError as error:
            raise MissingExtraError("TensorBoard", "tensorboard") from error
        self._writer = writer(str(run / FOLDER), purge_step=step + 1)

    def take(self, event: Mapping[str, Any]) -> None:
        """Draw the numbers of a step or an evaluation."""
        place = {"step": "training", "evaluation": "validation"}.get(event["event"])
        if place is None:
            return
        for name, value in event.items():
            if name not in WORDS and isinstance(value, int | float):
                self._writer.add_scalar(f"{place}/{name}", value, event["step"])

    def close(self) -> None:
        """Write what is left."""
        self._writer.close()
