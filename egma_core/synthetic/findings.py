"""The findings a phantom can have: what they are called and where they may lie.

A finding is chosen as a rectangle of the phantom's plane with a severity; `lesions` draws it. Two local findings never share a
zone of one lung, so that each stays visible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from egma_core.geometry import Rect
from egma_core.synthetic.anatomy import Anatomy, Side

FindingName = Literal[
    "pleural effusion", "pneumothorax", "cardiomegaly", "consolidation", "nodule", "atelectasis", "edema", "hilar enlargement"
]
Zone = Literal["upper", "mid", "lower", "hilum", "heart", "lungs"]

ZONES: dict[FindingName, tuple[Zone, ...]] = {
    "pleural effusion": ("lower",),
    "pneumothorax": ("upper",),
    "cardiomegaly": ("heart",),
    "consolidation": ("upper", "mid", "lower"),
    "nodule": ("upper", "mid", "lower"),
    "atelectasis": ("mid", "lower"),
    "edema": ("lungs",),
    "hilar enlargement": ("hilum",),
}
"""Every finding, in the order of class labels, and where in the chest it may lie."""

FINDINGS: tuple[FindingName, ...] = tuple(ZONES)
"""Every finding, in the order of class labels."""

SEVERITIES: tuple[int, ...] = (1, 2, 3)
"""1 small or mild, 2 moderate, 3 large or severe."""


@dataclass(frozen=True)
class Finding:
    """One finding of one phantom.

    Attributes:
        name: What it is.
        side: The patient's side, or None for the heart and for both lungs.
        zone: Where in the chest.
        severity: One of `SEVERITIES`.
        extent: Its rectangle in the phantom's plane.
        box: The upright rectangle around it in image pixels.
    """

    name: FindingName
    side: Side | None
    zone: Zone
    severity: int
    extent: Rect
    box: Rect


def random_findings(anatomy: Anatomy, names: Sequence[FindingName], rng: np.random.Generator) -> tuple[Anatomy, tuple[Finding, ...]]:
    """Give each of `names` a severity, and a side and zone that nothing else holds; one that finds no room is left out.

    Returns:
        The chest, whose heart has grown if there is cardiomegaly, and the findings.
    """
    severities = {name: int(rng.choice(SEVERITIES)) for name in names}
    if "cardiomegaly" in severities:
        anatomy = with_enlarged_heart(anatomy, severities["cardiomegaly"], rng)
    free = [place for name in FINDINGS for place in possible_places(name)]
    found: list[Finding] = []
    for index in rng.permutation(len(names)):
        name = names[index]
        room = [place for place in possible_places(name) if place in free]
        if room:
            side, zone = room[int(rng.integers(len(room)))]
            free = [place for place in free if place != (side, zone)]
            extent = random_extent(name, anatomy, side, zone, severities[name], rng)
            found.append(Finding(name, side, zone, severities[name], extent, anatomy.stance.box(extent)))
    return anatomy, tuple(found)


def with_enlarged_heart(anatomy: Anatomy, severity: int, rng: np.random.Generator) -> Anatomy:
    """The chest whose heart has grown beyond half of the chest's width."""
    share_of_chest = 0.515 + 0.04 * severity + rng.uniform(0.0, 0.03)
    return replace(anatomy, heart_width=share_of_chest * 2 * anatomy.half_width)


def usual_places(name: FindingName, anatomy: Anatomy) -> tuple[Rect, ...]:
    """Image boxes where a reader looks for a finding, whether or not it is there."""
    rng = np.random.default_rng(0)
    extents = [random_extent(name, anatomy, side, zone, 2, rng) for side, zone in possible_places(name)]
    if name == "edema":
        both = extents[0]
        extents = [Rect(both.left, both.top, both.left * 0.25, both.bottom), Rect(both.right * 0.25, both.top, both.right, both.bottom)]
    return tuple(anatomy.stance.box(extent) for extent in extents)


def possible_places(name: FindingName) -> list[tuple[Side | None, Zone]]:
    """The sides and zones in which the finding may lie."""
    if name in ("cardiomegaly", "edema"):
        return [(None, zone) for zone in ZONES[name]]
    sides: tuple[Side, Side] = ("left", "right")
    return [(side, zone) for side in sides for zone in ZONES[name]]


def random_extent(name: FindingName, anatomy: Anatomy, side: Side | None, zone: Zone, severity: int, rng: np.random.Generator) -> Rect:
    """A rectangle of the plane in which the finding may lie, given its side, zone and severity."""
    if side is None:
        return anatomy.heart_extent() if name == "cardiomegaly" else anatomy.both_lungs()
    sign = 1.0 if side == "left" else -1.0
    wall = anatomy.half_width
    if name == "pleural effusion":
        top = (anatomy.dome_left if side == "left" else anatomy.dome_right) + 34.0 - 26.0 * severity - rng.uniform(0.0, 14.0)
        return _mirrored(sign, 0.30 * wall, wall + 4.0, top, anatomy.dome_left + 44.0)
    if name == "pneumothorax":
        gap = 10.0 + 9.0 * severity + rng.uniform(0.0, 6.0)
        return _mirrored(sign, 0.26 * wall, 0.26 * wall + 100.0, anatomy.apex, anatomy.apex + 1.9 * gap)
    if name == "hilar enlargement":
        radius = 17.0 + 5.0 * severity
        return _around(sign, anatomy.hilum_x + 4.0, anatomy.hilum_y(side), radius, 1.35 * radius)
    half_x, half_y = _half_size(name, severity, rng)
    low, high = {"upper": (0.26, 0.40), "mid": (0.46, 0.60), "lower": (0.70, 0.84)}[zone]
    height = anatomy.dome_right - anatomy.apex
    y = anatomy.apex + rng.uniform(low, high) * height
    inner = anatomy.medial_limit(y, side) + 0.7 * half_x
    outer = anatomy.chest_wall(np.array([y])).item() - 0.8 * half_x
    x = rng.uniform(inner, outer) if inner < outer else (inner + outer) / 2
    return _around(sign, x, y, half_x, half_y)


def _half_size(name: FindingName, severity: int, rng: np.random.Generator) -> tuple[float, float]:
    """Half the width and height of a finding inside the lung."""
    if name == "nodule":
        radius = 13.0 + 5.0 * severity + rng.uniform(0.0, 3.0)
        return radius, radius
    if name == "atelectasis":
        return 36.0 + 7.0 * severity + rng.uniform(0.0, 6.0), 16.0 + 5.0 * severity
    return 28.0 + 8.0 * severity + rng.uniform(0.0, 8.0), 26.0 + 7.0 * severity + rng.uniform(0.0, 8.0)


def _around(sign: float, x: float, y: float, half_x: float, half_y: float) -> Rect:
    return _mirrored(sign, x - half_x, x + half_x, y - half_y, y + half_y)


def _mirrored(sign: float, inner: float, outer: float, top: float, bottom: float) -> Rect:
    left, right = sorted((sign * inner, sign * outer))
    return Rect(left, top, right, bottom)
