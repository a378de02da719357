"""Gaze samples as a tracker gives them: both eyes, both clocks, in fractions of the display area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

GazeOrigin = Literal["tracker", "mouse", "simulated", "replay"]
"""Where gaze came from. Kept in every row made from it; origins never mix unless somebody asks for it."""

Eye = Literal["left", "right", "average", "strict_average"]
"""Whose gaze counts. `average` is the mean of both eyes, or the one that was seen; `strict_average` only where both were."""

SAMPLE_DTYPE = np.dtype(
    [
        ("host_ns", "<i8"),  # time.perf_counter_ns() of the recording machine
        ("device_us", "<i8"),  # the tracker's own clock
        ("left_x", "<f8"),  # fraction of the display area, 0 at its left edge; NaN where there is none
        ("left_y", "<f8"),  # fraction of the display area, 0 at its top edge
        ("right_x", "<f8"),
        ("right_y", "<f8"),
        ("left_pupil_mm", "<f4"),
        ("right_pupil_mm", "<f4"),
        ("left_distance_mm", "<f4"),  # eye to display centre; NaN where the tracker does not say
        ("right_distance_mm", "<f4"),
        ("left_valid", "?"),
        ("right_valid", "?"),
    ]
)
"""One row a sample, little-endian and packed: the very bytes that a stored chunk holds (format `egma-gaze-1`)."""

SAMPLE_FORMAT = "egma-gaze-1"


@dataclass(frozen=True)
class GazeSamples:
    """A block of raw samples.

    Attributes:
        rows: (n,) structured array of `SAMPLE_DTYPE`, in order of `host_ns`.
        origin: Where the samples came from.
    """

    rows: NDArray[np.void]
    origin: GazeOrigin

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.rows)

    @property
    def host_ns(self) -> NDArray[np.int64]:
        """(n,) times on the host clock in ns."""
        return self.rows["host_ns"]

    @classmethod
    def blank(cls, n: int, origin: GazeOrigin) -> GazeSamples:
        """`n` samples in which no eye was seen, at time 0, to be filled in."""
        rows = np.zeros(n, SAMPLE_DTYPE)
        for name, (kind, *_) in (SAMPLE_DTYPE.fields or {}).items():
            if kind.kind == "f":
                rows[name] = np.nan
        return cls(rows, origin)

    @classmethod
    def join(cls, blocks: list[GazeSamples], origin: GazeOrigin) -> GazeSamples:
        """One block of all `blocks`, in their order."""
        rows = np.concatenate([b.rows for b in blocks]) if blocks else np.zeros(0, SAMPLE_DTYPE)
        return cls(rows, origin)

    def shifted(self, dx: float, dy: float) -> GazeSamples:
        """The same samples with both eyes' gaze moved by (dx, dy), fractions of the display area."""
        if not (dx or dy):
            return self
        rows = self.rows.copy()
        for side in ("left", "right"):
            rows[f"{side}_x"] += dx
            rows[f"{side}_y"] += dy
        return GazeSamples(rows, self.origin)

    def held(self, rate_hz: float, until_ns: int | None = None) -> GazeSamples:
        """The samples of a device that reports only on change, on a regular grid of times.

        Each grid time takes the last sample at or before it, so that silence means 'unchanged'. A sample in
        which neither eye is valid is held like any other: that is how such a device says 'not there any more'.

        Args:
            rate_hz: Grid times per second, counted from the first sample.
            until_ns: How long the last sample is held; by default the grid ends with it.
        """
        if not len(self):
            return self
        first, last = int(self.host_ns[0]), int(self.host_ns[-1])
        grid = np.arange(first, max(last, until_ns or last) + 1, round(1e9 / rate_hz), dtype=np.int64)
        rows = self.rows[np.searchsorted(self.host_ns, grid, side="right") - 1]
        rows["host_ns"] = grid
        return GazeSamples(rows, self.origin)
