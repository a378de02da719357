"""The usable part of a recording: samples measured or bridged, in angular screen space, in unbroken stretches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.detectors import Detector
from egma_core.gaze.filters import moving
from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen

Runs = tuple[NDArray[np.intp], NDArray[np.intp]]
"""First and last sample of each run, both of shape (k,)."""

SLACK_S = 1e-9
"""Times are sums of binary fractions: what is equal on paper is equal within this."""


@dataclass(frozen=True)
class Track:
    """The usable samples of a recording, n of them, strictly advancing in time.

    Attributes:
        row: (n,) index of each into the placed gaze.
        time_s: (n,) times.
        direction: (n, 3) unit vectors from the eye to the gaze point.
        screen: (n, 2) gaze in native screen pixels.
        measured: (n,) whether the sample was measured, rather than bridged.
        joined: (n,) whether no loss too long to bridge lies before the sample; False for the first.
        begin_s: (n,) when the sample's share of time begins.
        end_s: (n,) when the sample's share of time ends.
        first: (n,) first sample of the stretch that the sample is part of.
        last: (n,) last sample of that stretch.
    """

    row: NDArray[np.intp]
    time_s: NDArray[np.float64]
    direction: NDArray[np.float64]
    screen: NDArray[np.float64]
    measured: NDArray[np.bool_]
    joined: NDArray[np.bool_]
    begin_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    first: NDArray[np.intp]
    last: NDArray[np.intp]

    def __len__(self) -> int:
        """How many usable samples there are."""
        return len(self.time_s)

    @classmethod
    def of(cls, gaze: PlacedGaze, detector: Detector) -> Track:
        """Bridge losses of up to `fill_ms`, leave longer ones out, then reduce noise as `detector` says.

        Samples that do not advance in time are left out. Where samples are missing altogether, an interval counts as
        a loss if it exceeds one and a half times the median. Each sample's share of time reaches halfway to its
        neighbours, and ends on the sample itself beside a loss. Every sample keeps its own distance from eye to screen.
        """
        fill_s = detector.fill_ms / 1e3 + SLACK_S
        time = gaze.time_s
        advances = time > np.concatenate([[-np.inf], np.maximum.accumulate(time)])[:-1]
        known = gaze.valid & advances
        before = np.maximum.accumulate(np.where(known, time, -np.inf))
        after = np.minimum.accumulate(np.where(known, time, np.inf)[::-1])[::-1]
        row = np.flatnonzero(advances & (after - before <= fill_s))
        t = time[row]
        n = len(t)
        columns = (gaze.screen_x_px, gaze.screen_y_px, gaze.distance_mm)
        x, y, distance = (np.interp(t, time[known], c[known]) if n else np.zeros(0) for c in columns)
        longest = max(fill_s, 1.5 * float(np.median(np.diff(time[advances])))) if n > 1 else 0.0
        joined = np.concatenate([[False], np.diff(t) <= longest])[:n]
        goes_on = np.append(joined[1:], False)[:n]
        index = np.arange(n)
        first = np.maximum.accumulate(np.where(joined, 0, index))
        last = np.minimum.accumulate(np.where(goes_on, n, index)[::-1])[::-1]
        begin = np.where(joined, (t + np.roll(t, 1)) / 2, t)
        end = np.where(goes_on, np.roll(begin, -1), t)
        screen = moving(np.stack([x, y], axis=-1), first, last, detector.noise_reduction, detector.noise_samples)
        direction = _directions(screen, distance, gaze.screen)
        return cls(row, t, direction, screen, gaze.valid[row], joined, begin, end, first, last)

    def runs(self, resting: NDArray[np.bool_]) -> Runs:
        """Every unbroken run of resting samples (n,)."""
        goes_on = resting & np.concatenate([[False], resting[:-1]]) & self.joined
        return np.flatnonzero(resting & ~goes_on), np.flatnonzero(resting & ~np.append(goes_on[1:], False))

    def merged(self, runs: Runs, gap_s: float, angle_deg: float) -> Runs:
        """Make one of neighbouring runs that are close in time and in the angle between their mean directions."""
        first, last = runs
        inside = members(runs, len(self))
        run = np.repeat(np.arange(len(first)), last - first + 1)
        centre = group_means(self.direction[inside], run, len(first))
        near = self.begin_s[first[1:]] - self.end_s[last[:-1]] <= gap_s + SLACK_S
        near &= angle_between_deg(centre[1:], centre[:-1]) <= angle_deg
        return first[np.append(True, ~near)[: len(first)]], last[np.append(~near, True)[: len(last)]]


def members(runs: Runs, n: int) -> NDArray[np.bool_]:
    """(n,) which samples the runs are made of."""
    steps = np.zeros(n + 1, dtype=np.int64)
    np.add.at(steps, runs[0], 1)
    np.add.at(steps, runs[1] + 1, -1)
    return np.cumsum(steps[:-1]) > 0


def _directions(screen_px: NDArray[np.float64], distance_mm: NDArray[np.float64], screen: Screen) -> NDArray[np.float64]:
    """(n, 3) unit vectors from an eye in front of the screen's centre to points (n, 2) of the screen."""
    x_mm = (screen_px[:, 0] / screen.width_px - 0.5) * screen.width_mm
    y_mm = (screen_px[:, 1] / screen.height_px - 0.5) * screen.height_mm
    vectors = np.stack([x_mm, y_mm, distance_mm], axis=-1)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def angle_between_deg(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle between directions (n, 3); the half-chord form stays exact for small angles, and short means count as directions."""
    return np.degrees(2.0 * np.arcsin(np.minimum(1.0, np.linalg.norm(a - b, axis=-1) / 2.0)))


def group_means(values: NDArray[np.float64], group: NDArray[np.intp], n: int) -> NDArray[np.float64]:
    """(n, k) means of the rows of `values` (m, k) by `group` (m,); NaN for an empty group."""
    count = np.bincount(group, minlength=n)
    totals = np.stack([np.bincount(group, weights=column, minlength=n) for column in values.T], axis=-1)
    return np.divide(totals, count[:, None], out=np.full(totals.shape, np.nan), where=count[:, None] > 0)
