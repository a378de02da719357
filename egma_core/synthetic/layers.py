"""The layers a phantom film is made of: air in the lungs, soft tissue, bone and vessels, each a picture of its own.

A radiograph records how much the body weakens the beam. Air is kept apart from tissue, so that a finding which fills the lung
takes away air instead of painting over the film: ribs go on showing through it and borders beside it vanish, as they do in life.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from scipy.ndimage import gaussian_filter

from egma_core.synthetic.anatomy import SIDE, Anatomy, Array


@dataclass
class Layers:
    """A chest being drawn; every array is float32 on the image's pixels, (SIDE, SIDE) unless said otherwise.

    Attributes:
        x: Plane x of each pixel, from the midline.
        out: Distance from the midline.
        y: (SIDE, 1) plane y of each row.
        above: How far each pixel lies above the diaphragm, in pixels of the plane.
        air: Air in the beam's way, 0 none, 1 a healthy lung.
        tissue: Soft tissue beyond the ordinary chest wall.
        bone: Ribs, spine and collar bones.
        vessels: The lung's vessels and septa; they show only where there is air.
    """

    x: Array
    out: Array
    y: Array
    above: Array
    air: Array
    tissue: Array
    bone: Array
    vessels: Array

    def strip(self, top: float, bottom: float) -> Layers:
        """The rows whose plane y lies in top..bottom, as views: what is drawn there is drawn here."""
        rows = _rows(self.y, top, bottom)
        return Layers(*(getattr(self, field.name)[rows] for field in fields(self)))


def soft(distance: Array, width: float) -> Array:
    """1 where `distance` is well above zero, 0 well below, with a straight ramp of `width` around zero."""
    ramp = distance * np.float32(1.0 / width)
    ramp += np.float32(0.5)
    return np.clip(ramp, 0, 1, out=ramp)


def bump(distance: Array, width: float) -> Array:
    """A smooth bump of height 1 at distance 0, of Gaussian width `width`."""
    scaled = distance * np.float32(1.0 / width)
    scaled *= scaled
    scaled *= np.float32(-0.5)
    return np.exp(scaled, out=scaled)


@cache
def _waves(cells: int) -> Array:
    """(SIDE, cells) weights that spread `cells` random numbers smoothly over SIDE pixels; squares sum to 1 in each row."""
    at = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * (cells - 3) + 1.0
    reach = np.abs(at[:, None] - np.arange(cells, dtype=np.float32)[None, :])
    spline = np.where(reach < 1, 2 / 3 - reach**2 + reach**3 / 2, np.where(reach < 2, (2 - reach) ** 3 / 6, 0.0))
    return (spline / np.linalg.norm(spline, axis=1, keepdims=True)).astype(np.float32)


def smooth_noise(rng: np.random.Generator, cells: int) -> Array:
    """(SIDE, SIDE) smooth Gaussian noise of mean 0 and SD 1, about `cells` bumps across (cubic B-splines of white noise)."""
    waves = _waves(cells + 3)
    white = rng.standard_normal((cells + 3, cells + 3), dtype=np.float32)
    # Eight rows at a time: products this small stay on one thread, which on a busy machine is far faster than waiting for two.
    strips = waves.reshape(-1, 8, cells + 3)
    return (strips @ white @ waves.T).reshape(SIDE, SIDE)


def splat(x: Array, y: Array, weight: Array | np.float32, sigma_px: float) -> Array:
    """Points of the image drawn as one blurred picture, (SIDE, SIDE); a line of unit weights one pixel apart peaks near 1."""
    column, row = np.floor(x).astype(np.int64).ravel(), np.floor(y).astype(np.int64).ravel()
    inside = (column >= 0) & (column < SIDE) & (row >= 0) & (row < SIDE)
    weights = np.broadcast_to(weight, x.shape).ravel()[inside]
    sums = np.bincount(row[inside] * SIDE + column[inside], weights=weights, minlength=SIDE * SIDE)
    picture = sums.reshape(SIDE, SIDE).astype(np.float32)
    return gaussian_filter(picture, sigma_px, truncate=2.5) * np.float32(sigma_px * np.sqrt(2 * np.pi))


def normal_layers(anatomy: Anatomy, rng: np.random.Generator) -> Layers:
    """The chest of this anatomy, with healthy lungs."""
    x, y = anatomy.stance.planes()
    out = np.abs(x)
    above = anatomy.diaphragm(x) - y
    lungs = soft(anatomy.chest_wall(y) - out, 5.0)
    lungs *= soft(out - anatomy.mediastinal_border(y), 7.0)
    lungs *= soft(above, 4.0)
    heart = soft(1.0 - anatomy.heart(x, y), 0.22)
    lungs *= 1.0 - np.float32(0.93) * heart
    heart *= soft(above + 16.0, 40.0)
    tissue = np.float32(0.075) * heart
    _add_middle(tissue, x, out, y, anatomy)
    _add_belly(tissue, x, y, above, anatomy, rng)
    return Layers(x=x, out=out, y=y, above=above, air=lungs, tissue=tissue, bone=_bones(out, y, anatomy), vessels=_vessels(anatomy, rng))


def trunk(layers: Layers, anatomy: Anatomy) -> Array:
    """How much of the ordinary chest wall the beam crosses: 0 beside the patient, 1 through the middle of the trunk."""
    y = layers.y
    shoulder = 44.0 + (anatomy.half_width + 92.0) * np.sqrt(np.clip((y - 4.0) / 190.0, 0.0, 1.0))
    flank = anatomy.half_width + 40.0 + 0.0007 * (y - 260.0) ** 2
    edge = -12.0 * np.logaddexp(-shoulder / 12.0, -flank / 12.0)
    inside = edge - layers.out
    thick = 0.70 + 0.30 * np.sqrt(np.clip(inside * np.float32(1 / 110), 0, 1))
    thick *= soft(inside, 8.0)
    return thick


def _rows(y: Array, top: float, bottom: float) -> slice:
    """The image rows whose plane y lies in top..bottom."""
    first, last = np.searchsorted(y[:, 0], (top, bottom)).tolist()
    return slice(first, last)


def _add_middle(tissue: Array, x: Array, out: Array, y: Array, anatomy: Anatomy) -> None:
    """Mediastinum with the great vessels, the aortic knob on the left, and the dark windpipe."""
    tissue += np.float32(0.075) * soft(anatomy.mediastinal_border(y) + np.float32(1.0) - out, 14.0)
    knob_y = anatomy.apex + 80.0
    rows = _rows(y, knob_y - 30.0, knob_y + 30.0)
    across, down = (x[rows] - 29.0) / 21.0, (y[rows] - knob_y) / 23.0
    tissue[rows] += np.float32(0.05) * soft(1.0 - across * across - down * down, 0.7)
    rows = _rows(y, -SIDE, anatomy.apex + 133.0)
    tissue[rows] -= soft(9.0 - np.abs(x[rows] + 2.0), 7.0) * (0.06 * soft(anatomy.apex + 118.0 - y[rows], 30.0))


def _add_belly(tissue: Array, x: Array, y: Array, above: Array, anatomy: Anatomy, rng: np.random.Generator) -> None:
    """The dense upper abdomen, with a bubble of gas in the stomach of most patients."""
    rows = _rows(y, anatomy.dome_right - 30.0, 2 * SIDE)
    tissue[rows] += np.float32(0.085) * soft(-above[rows], 50.0)
    if rng.random() < 0.6:
        centre_x, centre_y = rng.uniform(60.0, 95.0), anatomy.dome_left + rng.uniform(34.0, 46.0)
        rows = _rows(y, centre_y - 20.0, centre_y + 20.0)
        across, down = (x[rows] - centre_x) / rng.uniform(22.0, 36.0), (y[rows] - centre_y) / rng.uniform(9.0, 15.0)
        tissue[rows] -= np.float32(rng.uniform(0.08, 0.16)) * soft(1.0 - across * across - down * down, 0.8)


_RIB = np.interp(
    np.linspace(0, 1, 512, endpoint=False), [0, 0.05, 0.09, 0.2, 0.31, 0.36, 0.42, 1.0], [0, 0.8, 0.95, 0.66, 0.9, 0.8, 0, 0]
).astype(np.float32)
"""One rib from its upper to its lower edge and the gap to the next, in 512 steps: bright rims, paler inside."""


def _ribs(turns: Array) -> Array:
    """Rib brightness where `turns`, which is used up, counts ribs downward."""
    turns *= np.float32(512)
    return _RIB.take(turns.astype(np.int16) & 511)


def _bones(out: Array, y: Array, anatomy: Anatomy) -> Array:
    """Ribs behind and in front, collar bones, spine."""
    lateral = out * np.float32(1 / anatomy.half_width)
    bend = lateral * np.float32(-46.0)
    bend += np.float32(12.0)
    bend *= lateral
    bend += y
    bend *= np.float32(1 / anatomy.rib_spacing)
    bend -= np.float32(anatomy.rib_phase)
    bones = _ribs(bend)
    bones *= soft(out - np.float32(18.0), 16.0)
    bend = lateral * np.float32(-36.0)
    bend += np.float32(84.0)
    bend *= lateral
    bend += y
    bend *= np.float32(1 / (1.22 * anatomy.rib_spacing))
    anterior = _ribs(bend)
    anterior *= soft(out - np.float32(66.0), 60.0)
    anterior *= np.float32(0.45)
    bones += anterior
    wall = anatomy.chest_wall(y) + np.float32(6.0) - out
    bones *= soft(wall, 6.0)
    wall -= np.float32(3.0)
    bones += np.float32(0.6) * bump(wall, 3.5)
    bones *= soft(y - anatomy.apex + 4.0, 24.0) * soft(anatomy.dome_left + 64.0 - y, 110.0) * np.float32(0.075)
    _add_collar_bones(bones, out, y, anatomy)
    bones += np.float32(0.04) * soft(18.0 - out, 8.0) * (0.8 + 0.2 * np.cos(y * np.float32(2 * np.pi / 30.0)))
    return bones


def _add_collar_bones(bones: Array, out: Array, y: Array, anatomy: Anatomy) -> None:
    rows = _rows(y, anatomy.apex - 30.0, anatomy.apex + 60.0)
    out = out[rows]
    middle = (anatomy.apex + 38.8) - 0.24 * out + 7.0 * np.sin(out * np.float32(1 / 34.0))
    collar = soft(7.5 - np.abs(y[rows] - middle), 5.0)
    collar *= soft(out - 20.0, 6.0) * soft((anatomy.half_width + 6.0) - out, 24.0)
    bones[rows] += np.float32(0.06) * collar


def _vessels(anatomy: Anatomy, rng: np.random.Generator) -> Array:
    """Vessels that fan out from each hilum and thin towards the chest wall."""
    n_vessels, n_points = 60, 120
    run = np.linspace(0.0, 1.0, n_points)[None, :]
    sign = np.where(np.arange(n_vessels) % 2 == 0, -1.0, 1.0)[:, None]
    angle = rng.uniform(-1.3, 1.4, (n_vessels, 1)) + np.cumsum(rng.normal(0, 0.04, (n_vessels, n_points)), axis=1)
    step = rng.uniform(60.0, 140.0, (n_vessels, 1)) / n_points
    x = sign * (anatomy.hilum_x - 12.0 + np.cumsum(np.cos(angle) * step, axis=1))
    hilum = np.where(sign > 0, anatomy.hilum_y("left"), anatomy.hilum_y("right"))
    y = hilum + np.cumsum(np.sin(angle) * step, axis=1)
    weight = (rng.uniform(0.3, 0.9, (n_vessels, 1)) * (1.0 - run) ** 0.6 * step).astype(np.float32)
    return np.minimum(splat(*anatomy.stance.to_image(x, y), weight, 1.8), np.float32(1.8))
