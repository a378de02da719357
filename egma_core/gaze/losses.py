"""Where gaze was lost, and why as far as samples can tell: a blink, one eye, or a loss of another kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLINK_S = (0.05, 0.5)
"""Shortest and longest time that eyelids are taken to cover the eyes in a blink."""


@dataclass(frozen=True)
class Losses:
    """Spans without gaze of at least one eye, in the order they began; every array has shape (k,).

    Attributes:
        onset_s: Half a sample after the last one before it; the recording's start where there is none.
        offset_s: Half a sample before the first one after it; the recording's end where there is none.
        kind: `blink` (both eyes gone together and back within `BLINK_S`), `one_eye` (the other was seen throughout) or
            `loss` (anything else: looked away, head turned, too short for a lid, samples missing).
    """

    onset_s: NDArray[np.float64]
    offset_s: NDArray[np.float64]
    kind: NDArray[np.str_]

    def __len__(self) -> int:
        """How many spans there are."""
        return len(self.onset_s)

    @property
    def duration_s(self) -> NDArray[np.float64]:
        """(k,) durations in seconds."""
        return self.offset_s - self.onset_s

    def count(self, kind: str) -> int:
        """How many spans of a kind there are."""
        return int(np.sum(self.kind == kind))


def find_losses(time_s: NDArray[np.float64], seen: NDArray[np.bool_]) -> Losses:
    """Find the spans in which an eye was not seen, and tell blinks from the rest.

    A lid closes over both eyes at once, for a time that is known to within a few tenths of a second, and the tracker
    goes on delivering samples in which it finds no eye. A span that begins or ends with the recording is no blink,
    since it was not seen to its end; nor is one in which samples are missing (an interval of more than one and a half
    times the median): then it was not the eyes that failed. Where one eye closes a little longer than the other, the
    span from the first lost to the last is the blink, if both were lost within it.

    Args:
        time_s: (n,) times that never go back, in seconds.
        seen: (n,) or (n, eyes) whether gaze of each eye was measured.

    Returns:
        The spans.

    Source: Hershman et al. (2018), Behavior Research Methods 50, for blinks as losses of limited length; 50 to 500 ms is usual.
    """
    n = len(time_s)
    eyes = seen[:, None] if seen.ndim == 1 else seen
    intervals = np.diff(time_s)
    period = float(np.median(intervals)) if n > 1 else 0.0
    missing = np.concatenate([[False], intervals > 1.5 * period + 1e-9, [False]])
    lost = np.concatenate([[False], ~eyes.all(axis=1), [False]])
    between_seen = np.flatnonzero(missing[:n] & ~lost[1 : n + 1] & ~lost[:n])
    first = np.concatenate([np.flatnonzero(lost[1:] & ~lost[:-1]), between_seen])
    stop = np.concatenate([np.flatnonzero(lost[:-1] & ~lost[1:]), between_seen])
    order = np.argsort(first, kind="stable")
    onset, offset, kind = np.zeros(len(order)), np.zeros(len(order)), np.full(len(order), "loss", dtype="<U7")
    for k, (i, j) in enumerate(zip(first[order].tolist(), stop[order].tolist(), strict=True)):
        onset[k] = time_s[i - 1] + period / 2 if i > 0 else time_s[0]
        offset[k] = time_s[j] - period / 2 if j < n else time_s[-1]
        whole = i > 0 and j < n and not missing[i : j + 1].any()
        if not missing[i : j + 1].any() and bool(eyes[i:j].any(axis=1).all()):
            kind[k] = "one_eye"
        elif whole and BLINK_S[0] - 1e-9 <= offset[k] - onset[k] <= BLINK_S[1] + 1e-9:
            kind[k] = "blink"
    return Losses(onset, offset, kind)
