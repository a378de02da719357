"""What a review shows of a reading's gaze: how much of it there is, how steady, and how much fell on a film."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from egma_core.gaze.fixations import Fixations
from egma_core.gaze.losses import find_losses
from egma_core.gaze.viewport import PlacedGaze


@dataclass(frozen=True)
class GazeQuality:
    """Quality of one reading's gaze.

    Attributes:
        duration_s: From the first sample to the last, with the last one's own share of time.
        rate_hz: Measured rate, from the intervals between samples that no sample is missing from; NaN for fewer than
            two samples. For a mouse it is the rate of the grid its samples were held onto.
        data_loss: Share of the duration without measured gaze, be it that the tracker lost the eyes or that samples
            are missing, 0..1.
        longest_gap_s: Longest time without measured gaze, counting the recording's ends.
        n_fixations: Number of fixations.
        mean_fixation_s: Mean fixation duration; NaN without fixations.
        on_film: Share of the measured samples that fell on a film, 0..1; NaN without any.
        n_blinks: Number of losses of a blink's length, as far as the chosen eye or eyes tell (`find_losses`).
        blink_loss: The part of `data_loss` that blinks account for, 0..1.
    """

    duration_s: float
    rate_hz: float
    data_loss: float
    longest_gap_s: float
    n_fixations: int
    mean_fixation_s: float
    on_film: float
    n_blinks: int
    blink_loss: float


def gaze_quality(gaze: PlacedGaze, fixations: Fixations) -> GazeQuality:
    """Measure the quality of one reading's gaze and of the fixations found in it.

    An interval more than half as long again as the median one is taken for missing samples.
    """
    time = gaze.time_s
    intervals = np.diff(time)
    typical = float(np.median(intervals)) if len(intervals) else 0.0
    unbroken = intervals[intervals <= 1.5 * typical]
    period = float(unbroken.mean()) if len(unbroken) else 0.0
    duration = float(time[-1] - time[0]) + period if len(time) else 0.0
    n_valid = int(gaze.valid.sum())
    seen = np.concatenate([time[:1] - period, time[gaze.valid], time[-1:] + period])
    losses = find_losses(time, gaze.valid)
    in_blinks = float(losses.duration_s[losses.kind == "blink"].sum())
    return GazeQuality(
        duration_s=duration,
        rate_hz=1.0 / period if period > 0 else float("nan"),
        data_loss=min(1.0, max(0.0, 1.0 - n_valid * period / duration)) if duration > 0 else 1.0,
        longest_gap_s=max(0.0, float(np.diff(seen).max()) - period) if len(time) else 0.0,
        n_fixations=len(fixations),
        mean_fixation_s=float(fixations.duration_s.mean()) if len(fixations) else float("nan"),
        on_film=float(np.isfinite(gaze.x_px[gaze.valid]).mean()) if n_valid else float("nan"),
        n_blinks=losses.count("blink"),
        blink_loss=in_blinks / duration if duration > 0 else 0.0,
    )
