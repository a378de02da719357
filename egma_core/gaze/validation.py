"""How well gaze is known: accuracy, precision and loss at targets that a reader was asked to look at.

Gaze is measured in Fick angles seen from an eye in front of the screen's centre: azimuth about the vertical axis, positive to
the right, then elevation, positive downward as everywhere on the screen. The measures are those of Niehorster et al. (2026),
ETDQualitizer, and agree with that package.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.samples import Eye, GazeSamples
from egma_core.gaze.viewport import looked_at
from egma_core.geometry import Screen

Angles = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Azimuth and elevation in degrees, each (n,); NaN where gaze was lost."""

EYES: tuple[Eye, ...] = ("left", "right", "average")
"""Whose gaze is judged: each eye, and the mean of both as the fixations take it."""

BCEA_SHARE = 0.68


@dataclass(frozen=True)
class Look:
    """What was recorded while a reader looked at a target.

    Attributes:
        point: The target, in fractions of the display.
        samples: The samples of that time.
        n_due: How many samples should have come; 0 where that is not known.
    """

    point: tuple[float, float]
    samples: GazeSamples
    n_due: int = 0


@dataclass(frozen=True)
class LookQuality:
    """How one eye did at one target, or on average at several; NaN where there was too little gaze to tell.

    Attributes:
        accuracy_deg: Angle between the mean direction of gaze and the target.
        offset_x_deg: Its part across, positive where gaze lies to the right of the target.
        offset_y_deg: Its part down, positive where gaze lies below the target.
        rms_s2s_deg: Precision as root mean square of the distances from sample to sample.
        std_deg: Precision as standard deviation, both axes together.
        bcea_deg2: Area of the ellipse that holds 68 % of a bivariate normal distribution of gaze.
        loss: Share of the samples due in which there was no gaze.
    """

    accuracy_deg: float
    offset_x_deg: float
    offset_y_deg: float
    rms_s2s_deg: float
    std_deg: float
    bcea_deg2: float
    loss: float

    def figures(self) -> dict[str, float | None]:
        """The figures as JSON holds them: None for what is not known."""
        return {name: value if math.isfinite(value) else None for name, value in dataclasses.asdict(self).items()}


@dataclass(frozen=True)
class Validation:
    """How well gaze is known at several targets.

    Attributes:
        points: The targets, in fractions of the display.
        eyes: For each of `EYES`, one quality a target.
    """

    points: tuple[tuple[float, float], ...]
    eyes: Mapping[Eye, tuple[LookQuality, ...]]

    def overall(self, eye: Eye) -> LookQuality:
        """The mean over the targets at which there was anything to measure."""
        names = [field.name for field in dataclasses.fields(LookQuality)]
        values = np.array([dataclasses.astuple(quality) for quality in self.eyes[eye]], dtype=np.float64).reshape(-1, len(names))
        return LookQuality(*(_mean(column) for column in values.T))

    def figures(self) -> dict[str, Any]:
        """Everything as JSON holds it: the overall figures by eye, and under `points` those of each target by eye."""
        overall = {eye: self.overall(eye).figures() for eye in self.eyes}
        worst = {eye: [q.accuracy_deg for q in qualities if math.isfinite(q.accuracy_deg)] for eye, qualities in self.eyes.items()}
        return {
            **{eye: {**overall[eye], "worst_deg": max(worst[eye], default=None), "n_points": len(worst[eye])} for eye in self.eyes},
            "points": [
                {"point": list(point), **{eye: qualities[n].figures() for eye, qualities in self.eyes.items()}}
                for n, point in enumerate(self.points)
            ],
        }


def validate(looks: Sequence[Look], screen: Screen) -> Validation:
    """Judge each eye, and both together, at each target."""
    return Validation(tuple(look.point for look in looks), {eye: tuple(look_quality(look, screen, eye) for look in looks) for eye in EYES})


def look_quality(look: Look, screen: Screen, eye: Eye, *, shift: tuple[float, float] = (0.0, 0.0)) -> LookQuality:
    """Judge one eye at one target.

    Args:
        look: The target and what was recorded at it.
        screen: The screen; the eye's distance is the median that the tracker measured during the look, else the screen's own.
        eye: Which eye, or which mean of both.
        shift: A correction that is added to gaze first, in fractions of the display.
    """
    x, y, distances = looked_at(look.samples.rows, eye)
    known = distances[np.isfinite(distances) & (distances > 0)]
    distance_mm = float(np.median(known)) if len(known) else screen.distance_mm

    def angles(x: NDArray[np.float64], y: NDArray[np.float64]) -> Angles:
        return fick_deg((x - 0.5) * screen.width_mm, (y - 0.5) * screen.height_mm, distance_mm)

    gaze = angles(x + shift[0], y + shift[1])
    target_x, target_y = angles(np.array([look.point[0]]), np.array([look.point[1]]))
    accuracy, offset_x, offset_y = accuracy_deg(gaze, float(target_x[0]), float(target_y[0]))
    loss = data_loss(gaze, look.n_due)
    return LookQuality(accuracy, offset_x, offset_y, rms_s2s_deg(gaze), std_deg(gaze), bcea_deg2(gaze), loss)


def centre(look: Look, eye: Eye = "average") -> tuple[float, float]:
    """Where gaze lay in the mean, in fractions of the display; NaN without gaze."""
    x, y, _ = looked_at(look.samples.rows, eye)
    return _mean(x), _mean(y)


def fick_deg(x_mm: NDArray[np.float64], y_mm: NDArray[np.float64], distance_mm: float) -> Angles:
    """Fick angles of points on the screen (n,), in mm from its centre, seen from an eye in front of that centre."""
    return np.degrees(np.arctan2(x_mm, distance_mm)), np.degrees(np.arctan2(y_mm, np.hypot(distance_mm, x_mm)))


def accuracy_deg(gaze: Angles, target_x_deg: float, target_y_deg: float) -> tuple[float, float, float]:
    """Angle from a target to the mean direction of gaze, and its Fick angles in a frame that looks at the target.

    The mean is that of the unit vectors, made a unit vector again.
    """
    across, down = (np.radians(angle[_known(gaze)]) for angle in gaze)
    if not len(across):
        return math.nan, math.nan, math.nan
    x, y, z = (float(c.mean()) for c in (np.cos(down) * np.sin(across), np.sin(down), np.cos(down) * np.cos(across)))
    a, e = math.radians(target_x_deg), math.radians(target_y_deg)
    ahead = math.sin(a) * x + math.cos(a) * z
    x, y, z = (
        math.cos(a) * x - math.sin(a) * z,
        math.cos(e) * y - math.sin(e) * ahead,
        math.sin(e) * y + math.cos(e) * ahead,
    )
    angles = math.atan2(math.hypot(x, y), z), math.atan2(x, z), math.atan2(y, math.hypot(x, z))
    total, offset_x, offset_y = (math.degrees(angle) for angle in angles)
    return total, offset_x, offset_y


def rms_s2s_deg(gaze: Angles) -> float:
    """Root mean square of the distances between successive samples, both of them with gaze; NaN where there are none."""
    squares = np.diff(gaze[0]) ** 2 + np.diff(gaze[1]) ** 2
    return math.sqrt(_mean(squares))


def std_deg(gaze: Angles) -> float:
    """Standard deviation about the mean, the root of both axes' squares; NaN without gaze."""
    return math.sqrt(sum(float(np.var(angle[_known(gaze)])) for angle in gaze)) if _known(gaze).any() else math.nan


def bcea_deg2(gaze: Angles, share: float = BCEA_SHARE) -> float:
    """Area of the bivariate contour ellipse that holds a share of gaze; NaN for fewer than two samples.

    Source: Steinman (1965), 2 k pi s_x s_y sqrt(1 - rho^2) with k = ln(1 / (1 - share)), which is 2 k pi times the root of the
    determinant of the covariance.
    """
    x, y = (angle[_known(gaze)] for angle in gaze)
    if len(x) < 2:
        return math.nan
    covariance = np.cov(x, y)
    determinant = covariance[0, 0] * covariance[1, 1] - covariance[0, 1] ** 2
    return 2.0 * math.pi * math.log(1.0 / (1.0 - share)) * math.sqrt(max(float(determinant), 0.0))


def data_loss(gaze: Angles, n_due: int = 0) -> float:
    """Share of the samples without gaze, those counted in that are due (`n_due`) but have not come; 1 where there is nothing."""
    n = max(len(gaze[0]), n_due)
    return 1.0 - int(np.count_nonzero(_known(gaze))) / n if n else 1.0


def _known(gaze: Angles) -> NDArray[np.bool_]:
    return np.isfinite(gaze[0]) & np.isfinite(gaze[1])


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of the values that are known; NaN where none is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
