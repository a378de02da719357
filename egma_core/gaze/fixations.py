"""Fixations: where the eyes rested, for how long, and how steadily."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen
from egma_core.options import option


@dataclass(frozen=True)
class IVT:
    """Options of velocity-threshold identification; the defaults are those of the Tobii I-VT fixation filter (Olsen 2012)."""

    threshold_deg_s: float = option(30.0, "Gaze slower than this rests.", unit="deg/s", low=1.0, high=1000.0)
    window_ms: float = option(20.0, "Time over which velocity is measured; longer is steadier and blunter.", unit="ms", low=1.0, high=200.0)
    fill_ms: float = option(75.0, "Losses up to this long are bridged by a straight line.", unit="ms", low=0.0, high=500.0)
    merge_ms: float = option(75.0, "Neighbouring fixations at most this far apart in time may be one.", unit="ms", low=0.0, high=500.0)
    merge_deg: float = option(0.5, "Neighbouring fixations at most this far apart in angle may be one.", unit="deg", low=0.0, high=10.0)
    minimum_ms: float = option(60.0, "Shorter fixations are dropped.", unit="ms", low=0.0, high=1000.0)


TOBII_IVT = IVT()
"""The filter at its published defaults."""


@dataclass(frozen=True)
class Fixations:
    """Fixations in the order they happened; every array has shape (n,).

    Attributes:
        onset_s: Start, in seconds since the reading's start.
        offset_s: End, in seconds since the reading's start.
        x_px: Mean position in image pixels (NaN where no film was under the gaze).
        y_px: Mean position in image pixels.
        screen_x_px: Mean position in native screen pixels.
        screen_y_px: Mean position in native screen pixels.
        dispersion_deg: Root-mean-square distance of the samples from their mean, in degrees of visual angle.
        px_per_deg: Image pixels for one degree of visual angle at that moment's zoom (NaN where no film).
        viewport: Index into the viewport log the fixation was placed with (-1 where no film).
    """

    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    screen_x_px: NDArray[np.float64]
    screen_y_px: NDArray[np.float64]
    dispersion_deg: NDArray[np.float64]
    px_per_deg: NDArray[np.float64]
    viewport: NDArray[np.int64]

    def __len__(self) -> int:
        """How many fixations there are."""
        return len(self.onset_s)

    @property
    def duration_s(self) -> NDArray[np.float64]:
        """(n,) durations in seconds."""
        return self.offset_s - self.onset_s


def detect_fixations(gaze: PlacedGaze, detector: IVT = TOBII_IVT) -> Fixations:
    """Find fixations by velocity-threshold identification (I-VT) in angular screen space.

    1. Losses up to `fill_ms` are bridged by straight lines; longer ones part the recording into stretches. Where
       samples are missing altogether, an interval counts as a loss if it exceeds one and a half times the median.
    2. Velocity is the angle between the directions from the eye to the first and the last sample of a window
       centred on the sample, over the time between them; the window spans at least the two neighbours, so that
       60 Hz works, and never leaves its stretch.
    3. Runs of samples below the threshold are fixations. Neighbours at most `merge_ms` and `merge_deg` (between
       mean directions) apart become one.
    4. A fixation is parted where the film moves under the eye (the viewport changes), and pieces shorter than
       `minimum_ms` are dropped.

    A fixation begins and ends halfway to the neighbouring sample, and on the sample itself beside a loss. It is
    placed on the film if at least half of its measured samples are. Times may be irregular; samples that do not
    advance in time are ignored.

    Source: Salvucci & Goldberg (2000), ETRA; Olsen (2012), The Tobii I-VT Fixation Filter.
    """
    track = _Track.of(gaze, detector.fill_ms / 1e3)
    resting = track.speed_deg_s(detector.window_ms / 1e3) < detector.threshold_deg_s
    first, last = track.runs(resting)
    first, last = track.merged(first, last, resting, detector.merge_ms / 1e3, detector.merge_deg)
    found = track.measured(gaze, first, last, resting)
    # Half a nanosecond of slack: durations are differences of sums of binary fractions.
    return _taken(found, found.duration_s >= detector.minimum_ms / 1e3 - 5e-10)


def _taken(fixations: Fixations, which: NDArray[np.bool_]) -> Fixations:
    """The fixations that `which` (n,) names."""
    return Fixations(**{f.name: getattr(fixations, f.name)[which] for f in fields(Fixations)})


@dataclass(frozen=True)
class _Track:
    """The usable samples of a recording, n of them: measured or bridged, strictly advancing in time.

    Attributes:
        row: (n,) index of each into the placed gaze.
        time_s: (n,) times.
        direction: (n, 3) unit vectors from the eye to the gaze point.
        screen: (n, 2) gaze in native screen pixels.
        joined: (n,) whether no loss too long to bridge lies before the sample; False for the first.
        begin_s: (n,) when the sample's share of time begins.
        end_s: (n,) when the sample's share of time ends.
    """

    row: NDArray[np.intp]
    time_s: NDArray[np.float64]
    direction: NDArray[np.float64]
    screen: NDArray[np.float64]
    joined: NDArray[np.bool_]
    begin_s: NDArray[np.float64]
    end_s: NDArray[np.float64]

    @classmethod
    def of(cls, gaze: PlacedGaze, fill_s: float) -> _Track:
        """Bridge short losses, and leave out the rest."""
        time = gaze.time_s
        advances = time > np.concatenate([[-np.inf], np.maximum.accumulate(time)])[:-1]
        known = gaze.valid & advances
        before = np.maximum.accumulate(np.where(known, time, -np.inf))
        after = np.minimum.accumulate(np.where(known, time, np.inf)[::-1])[::-1]
        row = np.flatnonzero(advances & (after - before <= fill_s + 1e-9))
        t = time[row]
        columns = (gaze.screen_x_px, gaze.screen_y_px, gaze.distance_mm)
        x, y, distance = (np.interp(t, time[known], c[known]) if len(row) else np.zeros(0) for c in columns)
        longest = max(fill_s + 1e-9, 1.5 * float(np.median(np.diff(time[advances])))) if len(t) > 1 else 0.0
        joined = np.concatenate([[False], np.diff(t) <= longest])[: len(t)]
        begin = np.where(joined, (t + np.roll(t, 1)) / 2, t)
        end = np.where(np.append(joined[1:], False)[: len(t)], np.roll(begin, -1), t)
        return cls(row, t, _directions(x, y, distance, gaze.screen), np.stack([x, y], axis=-1), joined, begin, end)

    def speed_deg_s(self, window_s: float) -> NDArray[np.float64]:
        """(n,) angular velocity; infinite for a sample without neighbours."""
        index = np.arange(len(self.time_s))
        ends_here = np.append(~self.joined[1:], True)
        stretch_begin = np.maximum.accumulate(np.where(self.joined, 0, index))
        stretch_end = np.minimum.accumulate(np.where(ends_here, index, len(index))[::-1])[::-1]
        half = window_s / 2 + 1e-6
        a = np.searchsorted(self.time_s, self.time_s - half, side="left")
        b = np.searchsorted(self.time_s, self.time_s + half, side="right") - 1
        a = np.maximum(np.minimum(a, index - 1), stretch_begin)
        b = np.minimum(np.maximum(b, index + 1), stretch_end)
        angle = _angle_deg(self.direction[a], self.direction[b])
        elapsed = self.time_s[b] - self.time_s[a]
        return np.divide(angle, elapsed, out=np.full(len(index), np.inf), where=elapsed > 0)

    def runs(self, resting: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First and last sample of every unbroken run of resting samples."""
        goes_on = resting & np.concatenate([[False], resting[:-1]]) & self.joined
        return np.flatnonzero(resting & ~goes_on), np.flatnonzero(resting & ~np.append(goes_on[1:], False))

    def merged(
        self, first: NDArray[np.intp], last: NDArray[np.intp], resting: NDArray[np.bool_], gap_s: float, angle_deg: float
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Make one of neighbouring runs that are close in time and angle."""
        run = np.repeat(np.arange(len(first)), last - first + 1)
        centre = _group_means(self.direction[resting], run, len(first))
        near = self.begin_s[first[1:]] - self.end_s[last[:-1]] <= gap_s + 1e-9
        near &= _angle_deg(centre[1:], centre[:-1]) <= angle_deg
        return first[np.append(True, ~near)[: len(first)]], last[np.append(~near, True)[: len(last)]]

    def measured(self, gaze: PlacedGaze, first: NDArray[np.intp], last: NDArray[np.intp], resting: NDArray[np.bool_]) -> Fixations:
        """Part the runs where the film moves, and measure each piece over its resting samples."""
        viewport = gaze.viewport[self.row]
        steps = np.zeros(len(self.time_s) + 1, dtype=np.int64)
        np.add.at(steps, first, 1)
        np.add.at(steps, last + 1, -1)
        inside = np.cumsum(steps[:-1]) > 0
        starts = inside & (np.concatenate([[True], viewport[1:] != viewport[:-1]]))
        starts[first] = True
        stops = inside & np.append(~inside[1:] | starts[1:], True)
        begin, end = np.flatnonzero(starts), np.flatnonzero(stops)
        counted = inside & resting
        piece = (np.cumsum(starts) - 1)[counted]
        n = len(begin)
        row = self.row[counted]
        direction = _group_means(self.direction[counted], piece, n)
        screen = _group_means(self.screen[counted], piece, n)
        on_film = np.isfinite(gaze.x_px[row])
        placed = _group_means(np.stack([gaze.x_px[row], gaze.y_px[row], gaze.px_per_deg[row]], axis=-1)[on_film], piece[on_film], n)
        seen = np.bincount(piece[gaze.valid[row]], minlength=n)
        placed[2 * np.bincount(piece[on_film], minlength=n) < seen] = np.nan
        # For unit vectors the mean squared distance from their mean is 1 - |mean|^2.
        spread = np.sqrt(np.maximum(0.0, 1.0 - np.sum(direction**2, axis=-1)))
        found = Fixations(
            onset_s=self.begin_s[begin],
            offset_s=self.end_s[end],
            x_px=placed[:, 0],
            y_px=placed[:, 1],
            screen_x_px=screen[:, 0],
            screen_y_px=screen[:, 1],
            dispersion_deg=np.degrees(spread),
            px_per_deg=placed[:, 2],
            viewport=np.where(np.isfinite(placed[:, 0]), viewport[begin], -1),
        )
        return _taken(found, np.bincount(piece, minlength=n) > 0)


def _directions(
    x_px: NDArray[np.float64], y_px: NDArray[np.float64], distance_mm: NDArray[np.float64], screen: Screen
) -> NDArray[np.float64]:
    """(n, 3) unit vectors from an eye in front of the screen's centre to points of the screen."""
    x_mm = (x_px / screen.width_px - 0.5) * screen.width_mm
    y_mm = (y_px / screen.height_px - 0.5) * screen.height_mm
    vectors = np.stack([x_mm, y_mm, distance_mm], axis=-1)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _angle_deg(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angle between directions (n, 3); the half-chord form stays exact for small angles, and short means count as directions."""
    return np.degrees(2.0 * np.arcsin(np.minimum(1.0, np.linalg.norm(a - b, axis=-1) / 2.0)))


def _group_means(values: NDArray[np.float64], group: NDArray[np.intp], n: int) -> NDArray[np.float64]:
    """(n, k) means of the rows of `values` (m, k) by `group` (m,); NaN for an empty group."""
    count = np.bincount(group, minlength=n)
    totals = np.stack([np.bincount(group, weights=column, minlength=n) for column in values.T], axis=-1)
    return np.divide(totals, count[:, None], out=np.full(totals.shape, np.nan), where=count[:, None] > 0)
