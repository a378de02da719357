"""Attempts at a calibration, validation or drift check, as they are kept and as the window is told of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.validation import Look, centre, look_quality
from egma_core.geometry import Screen
from egma_core.trackers.calibration import CalibrationResult, EyeCalibration
from egma_core.trackers.tracker import EyePosition

_SHOWN = 40  # samples of one eye at one target that are told for the picture
_SIDES = ("left", "right")


def outcome_of(result: CalibrationResult, error: str = "") -> dict[str, Any]:
    """What the tracker made of the points, as JSON holds it: calibrated eyes, each point's samples by eye, its error in words."""
    points = [{"point": [p.x, p.y], "left": _samples(p.left), "right": _samples(p.right)} for p in result.points]
    return {"eyes": sorted(result.eyes), "points": points, "error": error}


def used_at_points(outcome: Mapping[str, Any]) -> list[dict[str, Any]]:
    """How many samples of each eye were used at each point of an outcome."""
    return [{"point": p["point"], **{side: sum(p[side]["used"]) for side in _SIDES}} for p in outcome["points"]]


def drift_figures(look: Look, screen: Screen, in_force: tuple[float, float]) -> dict[str, Any]:
    """How far gaze is off a target, and what would put it right, as JSON holds it.

    Args:
        look: The look at the target.
        screen: The screen.
        in_force: The correction that is added to gaze already, in fractions of the display.

    Returns:
        `deg`, `x_deg`, `y_deg`: how far corrected gaze is off, None without gaze; `apart_deg`: how far both eyes' gaze lies
        apart, None without both; `correction`: the shift (fractions of the
        display) to take in place of the one in force, or None; `in_force`.
    """
    x, y = centre(look)
    off = look_quality(look, screen, "average", shift=in_force).figures()
    wanted = [look.point[0] - x, look.point[1] - y] if math.isfinite(x) and math.isfinite(y) else None
    left, right = (look_quality(look, screen, side) for side in ("left", "right"))
    apart = math.hypot(left.offset_x_deg - right.offset_x_deg, left.offset_y_deg - right.offset_y_deg)
    names = {"deg": "accuracy_deg", "x_deg": "offset_x_deg", "y_deg": "offset_y_deg"}
    return {
        **{name: off[field] for name, field in names.items()},
        "apart_deg": apart if math.isfinite(apart) else None,
        "correction": wanted,
        "in_force": list(in_force),
    }


def picture_of(looks: Sequence[Look]) -> list[dict[str, Any]]:
    """The targets with some of each eye's samples, evenly spread over the look, in fractions of the display."""
    return [{"point": list(look.point), **{side: _thinned(look.samples, side) for side in _SIDES}} for look in looks]


def place_of(eye: EyePosition | None) -> list[float | None] | None:
    """[x, y, z, distance in mm] with None for what the tracker does not say; None for an eye that is not seen."""
    if eye is None:
        return None
    return [float(v) if math.isfinite(v) else None for v in (eye.x, eye.y, eye.z, eye.distance_mm)]


def _samples(eye: EyeCalibration) -> dict[str, list[Any]]:
    return {"xy": _listed(eye.xy), "used": [bool(used) for used in eye.used]}


def _thinned(samples: GazeSamples, side: str) -> list[list[float | None]]:
    rows = samples.rows[samples.rows[f"{side}_valid"]]
    xy = np.stack([rows[f"{side}_x"], rows[f"{side}_y"]], axis=-1)
    return _listed(xy[np.linspace(0, len(xy) - 1, min(len(xy), _SHOWN)).round().astype(np.intp)])


def _listed(xy: NDArray[np.float64]) -> list[list[float | None]]:
    return [[round(v, 6) if math.isfinite(v) else None for v in pair] for pair in xy.tolist()]
