"""What the figures of a set-up mean for the person who decides: good enough, try again, calibrate again. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from egma_core.options import option

Grade = Literal["good", "fair", "poor"]

_GOOD_DEG = (0.5, 1.0)
_FAIR_DEG = (1.0, 2.0)
_SINGLE_DEG = (1.0, 2.0)
_MUCH_LOST = 0.2


@dataclass(frozen=True)
class RecalibrationLimits:
    """When a new calibration is suggested."""

    cases: int = option(25, "Readings after which a new calibration is suggested.", low=1, high=1000)
    drift_deg: float = option(1.0, "Drift from which on a new calibration is suggested.", unit="deg", low=0.1, high=10.0)


def recalibration_advice(
    n_cases_since: int, drift_deg: float | None, limits: RecalibrationLimits | None = None, *, apart_deg: float | None = None
) -> str:
    """Whether to calibrate again, in words; "" while there is no need.

    Args:
        n_cases_since: Readings since the last calibration.
        drift_deg: What the last drift check found, or None where there was none since.
        limits: From where on to suggest it.
        apart_deg: How far both eyes' gaze had drifted apart then, or None where that is not known.

    Source: the REFLACX protocol asks for a calibration after 25 cases and warns of a mean drift of 85 of its pixels, 1.2 degrees.
    """
    limits = limits or RecalibrationLimits()
    if apart_deg is not None and apart_deg >= 2 * limits.drift_deg:
        return f"The eyes have drifted {degrees(apart_deg)} apart, which no shift puts right: calibrate again before the next reading."
    if drift_deg is not None and drift_deg >= limits.drift_deg:
        return f"Gaze has drifted by {degrees(drift_deg)}: calibrate again before the next reading."
    if n_cases_since >= limits.cases:
        return f"{n_cases_since} readings since the last calibration: calibrate again before the next one."
    return ""


def grade(figures: Mapping[str, Any]) -> Grade:
    """How good a validation is; `poor` where nothing was seen.

    Both eyes together decide, but an eye that is far off alone spoils it: gaze jumps there whenever the other is not seen.

    Source: `good` as EyeLink's host has it, at most 0.5 degrees on average and 1 at any point; `fair` with twice that.
    """
    both: Mapping[str, Any] = figures["average"]
    mean, worst, single = both["accuracy_deg"], both["worst_deg"], worst_eye_deg(figures)
    if mean is None or worst is None or both["loss"] > _MUCH_LOST or both["n_points"] < len(figures["points"]):
        return "poor"
    if mean <= _GOOD_DEG[0] and worst <= _GOOD_DEG[1] and single <= _SINGLE_DEG[0]:
        return "good"
    return "fair" if mean <= _FAIR_DEG[0] and worst <= _FAIR_DEG[1] and single <= _SINGLE_DEG[1] else "poor"


def worst_eye_deg(figures: Mapping[str, Any]) -> float:
    """Accuracy of the worse eye of those that were seen; 0 where none was."""
    return max((figures[eye]["accuracy_deg"] or 0.0 for eye in ("left", "right")), default=0.0)


def verdict(figures: Mapping[str, Any]) -> str:
    """What a validation says, in a sentence or two."""
    both: Mapping[str, Any] = figures["average"]
    if both["accuracy_deg"] is None:
        return "The eyes were not seen at any target. Check how the reader sits, then calibrate again."
    said = f"{degrees(both['accuracy_deg'])} off on average, {degrees(both['worst_deg'])} at the worst target."
    unseen = len(figures["points"]) - both["n_points"]
    if unseen:
        said += f" {unseen} of {len(figures['points'])} targets were not seen."
    if both["loss"] > _MUCH_LOST:
        return f"Poor: {both['loss']:.0%} of the samples were lost. {said}"
    if worst_eye_deg(figures) > _SINGLE_DEG[0]:
        left, right = (degrees(figures[eye]["accuracy_deg"]) for eye in ("left", "right"))
        said += f" Alone, the left eye is {left} off and the right {right}: gaze jumps whenever one of them is not seen."
    hidden = [target for target in figures["points"] if target.get("average", {}).get("loss", 0.0) > _MUCH_LOST]
    if hidden:
        places = ", ".join(f"{place_words(target['point'])} ({share(target['average']['loss'])})" for target in hidden)
        said += f" Much was lost at: {places}. Look there again."
    rest = {"good": "", "fair": " Usable; another try may do better.", "poor": " Better calibrate again."}
    found = grade(figures)
    return f"{found.capitalize()}: {said}{rest[found]}"


def degrees(value: float | None) -> str:
    """An angle as people read it; a dash for none."""
    return "–" if value is None else f"{value:.2f}°"


def share(value: float | None) -> str:
    """A share in percent; a dash for none."""
    return "–" if value is None else f"{value:.0%}"


def place_words(point: tuple[float, float]) -> str:
    """Where a target lies on the screen: `upper left`, `right`, `middle`."""
    across = "left" if point[0] < 0.4 else "right" if point[0] > 0.6 else ""
    down = "upper" if point[1] < 0.4 else "lower" if point[1] > 0.6 else ""
    if across and down:
        return f"{down} {across}"
    return across or {"upper": "top", "lower": "bottom"}.get(down, "middle")
