"""Which channel of an LSL stream means what, by the meta-data that the XDF specification lays down for streams of type Gaze.

Channels say their `type` (ScreenX, ScreenY, Diameter, PupilZ or PositionZ, Confidence, and ValidFlag as TittaLSL adds), their `eye`
(left, right, both) and their `unit`. (github.com/sccn/xdf, Gaze meta-data; TittaLSL streams the same.)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen

_FRACTIONS = ("normalized", "normalised", "norm", "fraction", "unitless")
_PIXELS = ("pixel", "pixels", "px")
_MM = {"mm": 1.0, "millimeters": 1.0, "millimetres": 1.0, "cm": 10.0, "m": 1000.0, "meters": 1000.0, "metres": 1000.0}


@dataclass(frozen=True)
class Channel:
    """What a stream says of one of its channels; "" where it says nothing."""

    label: str
    eye: str
    type: str
    unit: str


@dataclass(frozen=True)
class Column:
    """A channel's number, and what its values are multiplied by."""

    index: int
    scale: float = 1.0

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n,) its values in (n, channels) `values`."""
        return values[:, self.index] * self.scale


@dataclass(frozen=True)
class EyeColumns:
    """The columns of one eye; None for what the stream does not carry."""

    x: Column
    y: Column
    valid: Column | None
    pupil_mm: Column | None
    distance_mm: Column | None


@dataclass(frozen=True)
class GazeColumns:
    """The columns of both eyes; the same for both where the stream has one gaze for the two."""

    left: EyeColumns
    right: EyeColumns

    def samples(self, values: NDArray[np.float64]) -> GazeSamples:
        """(n, channels) values as samples without times; an eye is seen where its place is known and it is not called invalid."""
        samples = GazeSamples.blank(len(values), "tracker")
        rows = samples.rows
        for side, columns in (("left", self.left), ("right", self.right)):
            x, y = columns.x.of(values), columns.y.of(values)
            seen = np.isfinite(x) & np.isfinite(y)
            if columns.valid is not None:
                seen &= columns.valid.of(values) > 0
            rows[f"{side}_valid"] = seen
            rows[f"{side}_x"], rows[f"{side}_y"] = np.where(seen, x, np.nan), np.where(seen, y, np.nan)
            if columns.pupil_mm is not None:
                rows[f"{side}_pupil_mm"] = _positive(columns.pupil_mm.of(values))
            if columns.distance_mm is not None:
                rows[f"{side}_distance_mm"] = _positive(columns.distance_mm.of(values))
        return samples


def gaze_columns(channels: Sequence[Channel], screen: Screen, whose: str) -> GazeColumns:
    """Find the columns of gaze on the screen.

    Args:
        channels: What the stream says of its channels, in order.
        screen: The display that is looked at, for gaze in pixels.
        whose: The stream, to begin a sentence with.

    Raises:
        TrackerError: The stream does not say where gaze on the screen is, or in which unit.
    """
    named = [(index, channel) for index, channel in enumerate(channels)]
    eyes = {side: _eye([(i, c) for i, c in named if c.eye.lower() in (side, f"{side} eye")], screen, whose) for side in ("left", "right")}
    both = _eye([(i, c) for i, c in named if c.eye.lower() in ("", "both", "average", "cyclopean")], screen, whose)
    left, right = eyes["left"] or both or eyes["right"], eyes["right"] or both or eyes["left"]
    if left is None or right is None:
        raise TrackerError(
            f"{whose} does not say which of its channels is gaze on the screen.",
            "Have its sender name channels of type ScreenX and ScreenY, as the XDF specification has it.",
        )
    return GazeColumns(left, right)


def _eye(channels: list[tuple[int, Channel]], screen: Screen, whose: str) -> EyeColumns | None:
    x, y = (_first(channels, kind) for kind in ("ScreenX", "ScreenY"))
    if x is None or y is None:
        return None
    flags = [(i, c) for i, c in channels if c.type == "ValidFlag"]
    flag = next(((i, c) for i, c in flags if "gaze_point" in c.label), flags[0] if len(flags) == 1 else _first(channels, "Confidence"))
    depths = [(i, c) for i, c in channels if c.type in ("PupilZ", "PositionZ") and c.unit.lower() in _MM]
    pupils = [(i, c) for i, c in channels if c.type in ("Diameter", "PupilDiameter") and c.unit.lower() in _MM]
    return EyeColumns(
        Column(x[0], _to_fraction(x[1], screen.width_px, whose)),
        Column(y[0], _to_fraction(y[1], screen.height_px, whose)),
        None if flag is None else Column(flag[0]),
        _in_mm(pupils),
        _in_mm(depths),
    )


def _first(channels: list[tuple[int, Channel]], kind: str) -> tuple[int, Channel] | None:
    return next(((index, channel) for index, channel in channels if channel.type == kind), None)


def _in_mm(channels: list[tuple[int, Channel]]) -> Column | None:
    return Column(channels[0][0], _MM[channels[0][1].unit.lower()]) if channels else None


def _to_fraction(channel: Channel, size_px: int, whose: str) -> float:
    unit = channel.unit.lower()
    if unit in _FRACTIONS:
        return 1.0
    if unit in _PIXELS:
        return 1.0 / size_px
    raise TrackerError(
        f"{whose} gives gaze on the screen in the unit '{channel.unit}', which is not known.",
        "Have its sender give it as 'normalized' or in 'pixels'.",
    )


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(values > 0, values, np.nan)
