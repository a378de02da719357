"""Leads, lines, clips and the side mark: what lies on every ward's films beside the patient's own body."""

from __future__ import annotations

import numpy as np

from egma_core.synthetic.anatomy import SIDE, Array
from egma_core.synthetic.layers import splat

_STEP = 0.5
"""Distance of the points that a line is drawn with, in pixels."""


def hardware(rng: np.random.Generator) -> Array:
    """(SIDE, SIDE) brightness of a random handful of devices that no sentence mentions; two in five films have one or none."""
    points = [_DEVICES[int(rng.integers(len(_DEVICES)))](rng) for _ in range(rng.poisson(1.5))]
    if not points:
        return np.zeros((SIDE, SIDE), np.float32)
    x, y = np.concatenate(points, axis=1)
    return np.float32(0.17) * np.minimum(splat(x, y, np.float32(_STEP), 1.0), 1.6)


def mark_left(film: Array, rng: np.random.Generator) -> None:
    """Set the lead letter L at the patient's left, which is the image's right; in place, on a film scaled to 0..1."""
    column, row = SIDE - 62 + int(rng.integers(-8, 9)), 26 + int(rng.integers(-6, 7))
    film[row : row + 36, column : column + 6] = 0.97
    film[row + 30 : row + 36, column : column + 22] = 0.97


def _electrode(rng: np.random.Generator) -> Array:
    """A ring with a stud, and its wire running off the film."""
    at = rng.uniform((70.0, 120.0), (SIDE - 70.0, 440.0))
    turn = np.arange(0, 2 * np.pi, _STEP / 9.0)
    ring = at[:, None] + 9.0 * np.stack([np.cos(turn), np.sin(turn)])
    stud = at[:, None] + 2.5 * np.stack([np.cos(turn), np.sin(turn)])
    end = np.array([rng.choice([0.0, float(SIDE)]) if rng.random() < 0.5 else at[0] + rng.normal(0, 40), SIDE * rng.choice([0.0, 1.0])])
    return np.concatenate([ring, stud, _curve(at, end, rng)], axis=1)


def _wire(rng: np.random.Generator) -> Array:
    """A lead across the film."""
    start = np.array([rng.uniform(60.0, SIDE - 60.0), 0.0])
    return _curve(start, np.array([start[0] + rng.normal(0.0, 90.0), float(SIDE)]), rng)


def _catheter(rng: np.random.Generator) -> Array:
    """A line from the neck or the shoulder to the great veins: two faint parallel walls."""
    start = np.array([256.0 + rng.uniform(-150.0, -30.0), rng.uniform(0.0, 70.0)])
    line = _curve(start, np.array([236.0 + rng.normal(0, 8.0), rng.uniform(190.0, 260.0)]), rng)
    return np.concatenate([line, line + np.array([[3.0], [0.0]])], axis=1)


def _clips(rng: np.random.Generator) -> Array:
    """A few short bright clips close together."""
    at = rng.uniform((60.0, 60.0), (SIDE - 60.0, SIDE - 60.0))
    run = np.arange(0.0, 9.0, _STEP)
    clips = [at[:, None] + rng.normal(0, 14.0, (2, 1)) + np.stack([run * rng.uniform(-0.3, 0.3), run]) for _ in range(rng.integers(1, 4))]
    return np.repeat(np.concatenate(clips, axis=1), 2, axis=1)


def _curve(start: Array, end: Array, rng: np.random.Generator) -> Array:
    """(2, n) points of a gentle bow from start to end."""
    length = float(np.hypot(*(end - start)))
    middle = (start + end) / 2 + rng.normal(0.0, 0.12 * length, 2)
    t = np.arange(0.0, 1.0, _STEP / max(length, 1.0))
    return start[:, None] * (1 - t) ** 2 + 2 * middle[:, None] * t * (1 - t) + end[:, None] * t**2


_DEVICES = (_electrode, _wire, _catheter, _clips)
