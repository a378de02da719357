"""How the reader of a sitting is calibrated: how well, how many readings ago, and whether a reading may begin like that. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from egma_app.capture.calibration.advice import RecalibrationLimits, degrees, recalibration_advice
from egma_core.recording.protocol import CalibrationLimits


class Standing:
    """What is known of the calibration in force.

    Attributes:
        calibrated: Whether a calibration or a validation is in force.
        accuracy_deg: What the validation in force measured, both eyes together; None without one.
        drift_deg: What the last drift check since found, and nobody has put right; None without one.
        n_readings: Readings since the calibration, or since the sitting began.
        limits: From where on a new one is suggested.
    """

    def __init__(self) -> None:
        """A sitting begins: nothing is known."""
        self.limits = RecalibrationLimits()
        self._accuracies: dict[int, float | None] = {}
        self.forget()

    def forget(self) -> None:
        """Another sitting begins."""
        self._accuracies.clear()
        self.calibrated = False
        self.accuracy_deg: float | None = None
        self.drift_deg: float | None = None
        self.n_readings = 0

    def read(self) -> None:
        """A reading has ended."""
        self.n_readings += 1

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take in an event of the capture process; whether it changed how the reader is calibrated."""
        kind = event["event"]
        if kind == "calibration" and event["act"] in ("computed", "applied") and event["ok"]:
            self._anew(None)
        elif kind == "judged" and event["kind"] == "validation":
            accuracy = event["figures"]["average"]["accuracy_deg"]
            self._accuracies[event["attempt_id"]] = accuracy
            self._anew(accuracy)
        elif kind == "used":
            self._anew(self._accuracies.get(event["validation_id"]))
        elif kind == "judged":
            self.drift_deg = event["figures"]["drift"]["deg"]
        elif kind == "corrected":
            self.drift_deg = None
        else:
            return False
        return True

    @property
    def advice(self) -> str:
        """Whether to calibrate again, in words; "" while there is no need."""
        return recalibration_advice(self.n_readings, self.drift_deg, self.limits)

    @property
    def words(self) -> str:
        """How the reader is calibrated, for people; "" while nothing is known."""
        if not self.calibrated:
            return ""
        return "calibrated" if self.accuracy_deg is None else f"calibrated, {degrees(self.accuracy_deg)} off on average"

    def refusal(self, limits: CalibrationLimits) -> str:
        """Why no reading may begin like this under a study protocol's limits, in words; "" where it may."""
        if not limits.required:
            return ""
        if self.accuracy_deg is None:
            return "The study protocol asks for a validated calibration before a reading."
        if self.accuracy_deg > limits.accuracy_deg:
            return f"Gaze is {degrees(self.accuracy_deg)} off on average; the study protocol allows {degrees(limits.accuracy_deg)}."
        return ""

    def _anew(self, accuracy_deg: float | None) -> None:
        self.calibrated, self.accuracy_deg, self.drift_deg, self.n_readings = True, accuracy_deg, None, 0
