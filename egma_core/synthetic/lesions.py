"""How each finding changes a chest's layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from egma_core.synthetic.anatomy import SIDE, Anatomy, Array
from egma_core.synthetic.findings import Finding, FindingName
from egma_core.synthetic.layers import Layers, bump, smooth_noise, soft


def paint(layers: Layers, finding: Finding, anatomy: Anatomy, rng: np.random.Generator) -> None:
    """Draw one finding into the layers, in place. An enlarged heart is part of the anatomy already."""
    if finding.name in _PAINTERS:
        painter, above, below = _PAINTERS[finding.name]
        strip = layers.strip(finding.extent.top - above, finding.extent.bottom + below)
        painter(strip, finding, anatomy, rng)


def _centred(layers: Layers, finding: Finding) -> tuple[Array, Array]:
    """Each pixel's offset from the finding's middle, in halves of its width (SIDE, SIDE) and height (SIDE, 1)."""
    extent = finding.extent
    across = (layers.x - np.float32((extent.left + extent.right) / 2)) * np.float32(2 / extent.width)
    return across, (layers.y - np.float32((extent.top + extent.bottom) / 2)) * np.float32(2 / extent.height)


def _texture(rng: np.random.Generator, cells: int, like: Array) -> Array:
    """Smooth noise for as many rows as `like` has."""
    return smooth_noise(rng, cells)[: len(like)]


def _remove_air(layers: Layers, amount: float, where: Array) -> None:
    layers.air *= 1.0 - np.float32(amount) * where


def _on_side(layers: Layers, finding: Finding) -> Array:
    return ((layers.x > 0) if finding.side == "left" else (layers.x < 0)).astype(np.float32)


def _effusion(layers: Layers, finding: Finding, anatomy: Anatomy, rng: np.random.Generator) -> None:
    """Fluid fills the outer angle and climbs along the chest wall (the meniscus); diaphragm and heart border drown in it."""
    outward = np.minimum(layers.out * np.float32(1 / anatomy.half_width), np.float32(1.05))
    level = np.float32(finding.extent.top + 34.0) - 34.0 * outward * outward * outward
    fluid = soft(layers.y - level, rng.uniform(8.0, 14.0))
    fluid *= _on_side(layers, finding)
    layers.tissue += np.float32(0.07) * fluid * layers.air
    _remove_air(layers, rng.uniform(0.86, 0.96), fluid)


def _pneumothorax(layers: Layers, finding: Finding, anatomy: Anatomy, rng: np.random.Generator) -> None:
    """The lung draws back from apex and wall: a black space without vessels, outlined by the thin bright visceral pleura."""
    gap = finding.extent.height / 1.9
    lower = np.clip((anatomy.widest + 30.0 - layers.y) / (anatomy.widest - anatomy.apex), 0.0, 1.0)
    collapsed = anatomy.chest_wall(layers.y, inward=0.75 * gap * lower, apex_drop=1.5 * gap)
    steepness = np.sqrt(1.0 + np.clip(np.gradient(collapsed, axis=0), -9.0, 9.0) ** 2)
    distance = (collapsed - layers.out) / steepness
    above_lung = layers.y < anatomy.apex + 1.5 * gap
    side = _on_side(layers, finding)
    space = np.where(above_lung, np.float32(1), soft(-distance, 2.0)) * side
    line = bump(distance, 1.4) * side
    line *= ~above_lung * soft(anatomy.widest - layers.y, 60.0)
    line *= layers.air
    layers.bone += np.float32(rng.uniform(0.06, 0.10)) * line
    layers.vessels *= 1.0 - space
    layers.air *= 1.0 + np.float32(rng.uniform(0.22, 0.32)) * space


def _consolidation(layers: Layers, finding: Finding, _: Anatomy, rng: np.random.Generator) -> None:
    """Air spaces filled in a fluffy, ill-defined patch."""
    across, down = _centred(layers, finding)
    ragged = np.sqrt(across * across + down * down)
    ragged += 0.16 * _texture(rng, 22, across) + 0.10 * _texture(rng, 44, across)
    _remove_air(layers, rng.uniform(0.70, 0.90), soft(0.90 - ragged, 0.6))


def _nodule(layers: Layers, finding: Finding, _: Anatomy, rng: np.random.Generator) -> None:
    """A round shadow with a sharp border."""
    across, down = _centred(layers, finding)
    distance = np.sqrt(across * across + down * down)
    distance += rng.uniform(0.02, 0.06) * _texture(rng, 40, across)
    _remove_air(layers, rng.uniform(0.80, 0.95), soft(0.96 - distance, 0.2))


def _atelectasis(layers: Layers, finding: Finding, _: Anatomy, rng: np.random.Generator) -> None:
    """Airless plates: two or three nearly level lines, one above the other."""
    across, down = _centred(layers, finding)
    tilt = np.float32(rng.uniform(-0.35, 0.35))
    plates = np.zeros_like(across)
    for at in np.linspace(-0.72, 0.72, 2 if finding.severity == 1 else 3):
        line = bump((down - np.float32(at) - tilt * across) * np.float32(finding.extent.height / 2), rng.uniform(3.4, 4.8))
        line *= soft(np.float32(rng.uniform(0.8, 1.0)) - np.abs(across - np.float32(rng.uniform(-0.1, 0.1))), 0.2)
        np.maximum(plates, line, out=plates)
    _remove_air(layers, rng.uniform(0.70, 0.90), plates)


def _edema(layers: Layers, finding: Finding, anatomy: Anatomy, rng: np.random.Generator) -> None:
    """Haze around both hila (bat's wings), fuller vessels, and short septal lines at the outer bases."""
    haze = bump(layers.out - 0.45 * anatomy.half_width, 52.0)
    haze *= bump(layers.y - (anatomy.apex + 165.0), 74.0)
    haze *= np.maximum(1.0 + 0.30 * _texture(rng, 30, haze), np.float32(0.3))
    septa = soft(layers.out - anatomy.chest_wall(layers.y) + 26.0, 12.0)
    septa *= bump((layers.y / 11.0) % 1.0 - 0.5, 0.16) * soft(layers.y - anatomy.widest + 70.0, 50.0)
    layers.vessels *= 1.1 + 0.25 * finding.severity
    haze *= 0.16 + 0.10 * finding.severity
    haze += 0.22 * septa
    layers.air *= 1.0 - np.minimum(haze, np.float32(0.9))


def _hilar_enlargement(layers: Layers, finding: Finding, _: Anatomy, rng: np.random.Generator) -> None:
    """A lobulated mass of nodes at one hilum."""
    across, down = _centred(layers, finding)
    mass = np.zeros_like(across)
    for _lobe in range(4):
        at_x, at_y, radius = rng.uniform(-0.35, 0.35), rng.uniform(-0.5, 0.5), rng.uniform(0.42, 0.6)
        apart = (across - np.float32(at_x)) ** 2 + (0.8 * (down - np.float32(at_y))) ** 2
        np.maximum(mass, soft(np.float32(radius) - np.sqrt(apart), 0.25), out=mass)
    _remove_air(layers, rng.uniform(0.75, 0.90), mass)


_Painter = Callable[[Layers, Finding, Anatomy, np.random.Generator], None]
_PAINTERS: dict[FindingName, tuple[_Painter, float, float]] = {
    "pleural effusion": (_effusion, 40.0, SIDE),
    "pneumothorax": (_pneumothorax, 40.0, SIDE),
    "consolidation": (_consolidation, 40.0, 40.0),
    "nodule": (_nodule, 10.0, 10.0),
    "atelectasis": (_atelectasis, 30.0, 30.0),
    "edema": (_edema, 120.0, 120.0),
    "hilar enlargement": (_hilar_enlargement, 10.0, 10.0),
}
"""Each finding's painter, and how far above and below its rectangle it may reach, in pixels of the plane."""
