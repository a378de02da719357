"""Where targets stand, and what came out of showing them. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egma_app.capture.calibration.advice import grade

Point = tuple[float, float]
"""A place on the display, in fractions of it."""

FIVE: tuple[Point, ...] = ((0.5, 0.5), (0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9))
NINE: tuple[Point, ...] = (*FIVE, (0.5, 0.1), (0.1, 0.5), (0.9, 0.5), (0.5, 0.9))
OTHERS: tuple[Point, ...] = ((0.2, 0.5), (0.5, 0.8), (0.8, 0.5), (0.5, 0.2))
"""The points of the validation: none of those that the tracker was calibrated on."""

_RANK = {"good": 0, "fair": 1, "poor": 2}

MIDDLE: Point = (0.5, 0.5)


@dataclass(frozen=True)
class Attempt:
    """A calibration and how well it did.

    Attributes:
        number: Counted from 1.
        calibration_id: The attempt in the library, or None where the tracker is calibrated elsewhere.
        validation_id: Likewise, of the validation.
        figures: As `egma_core.gaze.validation` makes them.
        looks: The targets with some samples of each eye, for the picture.
    """

    number: int
    calibration_id: int | None
    validation_id: int
    figures: Mapping[str, Any]
    looks: Sequence[Mapping[str, Any]]

    @property
    def accuracy_deg(self) -> float:
        """Accuracy of both eyes together; infinite where nothing was seen."""
        found = self.figures["average"]["accuracy_deg"]
        return float("inf") if found is None else float(found)


class Attempts:
    """All attempts of one set-up, and which of them the tracker works with.

    Attributes:
        all: The attempts, oldest first.
        calibration_id: The calibration that the tracker works with, or None where it is calibrated elsewhere.
        in_force: The attempt with that calibration, or None while it has not been validated.
    """

    def __init__(self) -> None:
        """None yet."""
        self.all: list[Attempt] = []
        self.calibration_id: int | None = None
        self.in_force: Attempt | None = None
        self._looked: Attempt | None = None

    @property
    def may_look_again(self) -> bool:
        """Whether the looks of the attempt in force are still at hand, so that one of them can be taken anew."""
        return self.in_force is not None and self.in_force is self._looked

    @property
    def best(self) -> Attempt | None:
        """The best graded one, of those the most accurate; the later of two that are equal."""
        return min(reversed(self.all), key=lambda attempt: (_RANK[grade(attempt.figures)], attempt.accuracy_deg), default=None)

    def calibrated(self, calibration_id: int) -> None:
        """The tracker works with this calibration now."""
        self.calibration_id, self.in_force, self._looked = calibration_id, None, None

    def judged(self, event: Mapping[str, Any]) -> None:
        """The calibration in force was validated; a second validation of one stands for it from now on."""
        again = next((n for n, attempt in enumerate(self.all) if attempt.calibration_id == self.calibration_id), None)
        number = len(self.all) + 1 if again is None else self.all[again].number
        attempt = Attempt(number, self.calibration_id, event["attempt_id"], event["figures"], event["looks"])
        self.all[slice(len(self.all), None) if again is None else slice(again, again + 1)] = [attempt]
        self.in_force = self._looked = attempt

    def used(self, attempt: Attempt) -> None:
        """An attempt was gone back to."""
        self.in_force = attempt
