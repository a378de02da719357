"""Fixations: where the eyes rested, for how long, and how steadily."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from egma_core.gaze.detectors import IDT, IVT, TOBII_IVT, Adaptive, Detector
from egma_core.gaze.dispersion import runs_by_dispersion
from egma_core.gaze.noise import resting_by_noise
from egma_core.gaze.track import Runs, Track, group_means, members
from egma_core.gaze.velocity import chord_deg_s
from egma_core.gaze.viewport import PlacedGaze

__all__ = ["IDT", "IVT", "TOBII_IVT", "Adaptive", "Detector", "Fixations", "detect_fixations"]


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


def detect_fixations(gaze: PlacedGaze, detector: Detector = TOBII_IVT) -> Fixations:
    """Find fixations in angular screen space.

    1. Losses up to `fill_ms` are bridged by straight lines; longer ones part the recording into stretches
       (`Track.of`). A moving median or mean may reduce noise.
    2. What rests is found by the filter: with `IVT`, runs of samples whose velocity between the ends of a window
       lies below a threshold; with `IDT`, spans within a small box (`runs_by_dispersion`); with `Adaptive`, all but the
       movements that stand out from the recording's own noise (`noise_thresholds`).
    3. Neighbours at most `merge_ms` and `merge_deg` (between mean directions) apart become one.
    4. A fixation is parted where the film moves under the eye (the viewport changes), and pieces shorter than
       `minimum_ms` are dropped.

    A fixation begins and ends halfway to the neighbouring sample, and on the sample itself beside a loss. It is
    placed on the film if at least half of its measured samples are. Times may be irregular; samples that do not
    advance in time are ignored.

    Raises:
        ConfigError: A moving window has an even number of samples.

    Source: Salvucci & Goldberg (2000), ETRA; Olsen (2012), The Tobii I-VT Fixation Filter.
    """
    track = Track.of(gaze, detector)
    runs = _runs(track, detector)
    resting = members(runs, len(track))
    runs = track.merged(runs, detector.merge_ms / 1e3, detector.merge_deg)
    found = _measured(track, gaze, runs, resting)
    # Half a nanosecond of slack: durations are differences of sums of binary fractions.
    return _taken(found, found.duration_s >= detector.minimum_ms / 1e3 - 5e-10)


def _runs(track: Track, detector: Detector) -> Runs:
    if isinstance(detector, IDT):
        return runs_by_dispersion(track, detector.dispersion_deg, detector.minimum_ms / 1e3)
    if isinstance(detector, Adaptive):
        return track.runs(resting_by_noise(track, detector))
    return track.runs(chord_deg_s(track, detector.window_ms / 1e3) < detector.threshold_deg_s)


def _taken(fixations: Fixations, which: NDArray[np.bool_]) -> Fixations:
    """The fixations that `which` (n,) names."""
    return Fixations(**{f.name: getattr(fixations, f.name)[which] for f in fields(Fixations)})


def _measured(track: Track, gaze: PlacedGaze, runs: Runs, resting: NDArray[np.bool_]) -> Fixations:
    """Part the runs where the film moves, and measure each piece over its resting samples."""
    viewport = gaze.viewport[track.row]
    inside = members(runs, len(track))
    starts = inside & (np.concatenate([[True], viewport[1:] != viewport[:-1]])[: len(track)])
    starts[runs[0]] = True
    stops = inside & np.append(~inside[1:] | starts[1:], True)[: len(track)]
    begin, end = np.flatnonzero(starts), np.flatnonzero(stops)
    counted = inside & resting
    piece = (np.cumsum(starts) - 1)[counted]
    n = len(begin)
    row = track.row[counted]
    direction = group_means(track.direction[counted], piece, n)
    screen = group_means(track.screen[counted], piece, n)
    on_film = np.isfinite(gaze.x_px[row])
    placed = group_means(np.stack([gaze.x_px[row], gaze.y_px[row], gaze.px_per_deg[row]], axis=-1)[on_film], piece[on_film], n)
    seen = np.bincount(piece[gaze.valid[row]], minlength=n)
    placed[2 * np.bincount(piece[on_film], minlength=n) < seen] = np.nan
    # For unit vectors the mean squared distance from their mean is 1 - |mean|^2.
    spread = np.sqrt(np.maximum(0.0, 1.0 - np.sum(direction**2, axis=-1)))
    found = Fixations(
        onset_s=track.begin_s[begin],
        offset_s=track.end_s[end],
        x_px=placed[:, 0],
        y_px=placed[:, 1],
        screen_x_px=screen[:, 0],
        screen_y_px=screen[:, 1],
        dispersion_deg=np.degrees(spread),
        px_per_deg=placed[:, 2],
        viewport=np.where(np.isfinite(placed[:, 0]), viewport[begin], -1),
    )
    return _taken(found, np.bincount(piece, minlength=n) > 0)
