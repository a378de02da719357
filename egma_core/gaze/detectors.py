"""The fixation filters one may choose from, as options: by velocity, by dispersion, and by velocity against the recording's own noise."""

from __future__ import annotations

from dataclasses import dataclass

from egma_core.errors import ConfigError
from egma_core.options import option

REDUCTIONS = ("none", "median", "mean")
"""Ways of reducing noise before anything is measured."""

_REDUCTION = "Moving median or mean over positions, before velocity is measured."
_SAMPLES = "Samples that a moving median or mean runs over, an odd number."
_FILL = "Losses up to this long are bridged by a straight line."
_MERGE_MS = "Neighbouring fixations at most this far apart in time may be one."
_MERGE_DEG = "Neighbouring fixations at most this far apart in angle may be one."
_MINIMUM = "Shorter fixations are dropped."


@dataclass(frozen=True)
class IVT:
    """Options of velocity-threshold identification; the defaults are those of the Tobii I-VT fixation filter (Olsen 2012)."""

    threshold_deg_s: float = option(30.0, "Gaze slower than this rests.", unit="deg/s", low=1.0, high=1000.0)
    window_ms: float = option(20.0, "Time over which velocity is measured; longer is steadier and blunter.", unit="ms", low=1.0, high=200.0)
    fill_ms: float = option(75.0, _FILL, unit="ms", low=0.0, high=500.0)
    merge_ms: float = option(75.0, _MERGE_MS, unit="ms", low=0.0, high=500.0)
    merge_deg: float = option(0.5, _MERGE_DEG, unit="deg", low=0.0, high=10.0)
    minimum_ms: float = option(60.0, _MINIMUM, unit="ms", low=0.0, high=1000.0)
    noise_reduction: str = option("none", _REDUCTION, choices=REDUCTIONS)
    noise_samples: int = option(3, _SAMPLES, low=1, high=101)


@dataclass(frozen=True)
class IDT:
    """Options of dispersion-threshold identification (Salvucci & Goldberg 2000), which knows no merging."""

    dispersion_deg: float = option(1.0, "Width plus height that a fixation's samples may spread over.", unit="deg", low=0.01, high=20.0)
    minimum_ms: float = option(100.0, "The shortest fixation.", unit="ms", low=1.0, high=1000.0)
    fill_ms: float = option(75.0, _FILL, unit="ms", low=0.0, high=500.0)
    merge_ms: float = option(0.0, _MERGE_MS, unit="ms", low=0.0, high=500.0)
    merge_deg: float = option(0.0, _MERGE_DEG, unit="deg", low=0.0, high=10.0)
    noise_reduction: str = option("none", _REDUCTION, choices=REDUCTIONS)
    noise_samples: int = option(3, _SAMPLES, low=1, high=101)


@dataclass(frozen=True)
class Adaptive:
    """Options of velocity thresholds that follow the recording's own noise; see `egma_core.gaze.noise` for the rule."""

    window_ms: float = option(12.0, "Shortest time over which velocity is measured.", unit="ms", low=1.0, high=200.0)
    longest_ms: float = option(
        60.0, "Longest time over which velocity is measured, where noise demands it.", unit="ms", low=1.0, high=500.0
    )
    steady_deg_s: float = option(40.0, "Jitter may ask for this threshold; beyond, the window grows.", unit="deg/s", low=1.0, high=1000.0)
    jitter_factor: float = option(3.0, "A saccade is this many times as fast as jitter makes gaze seem.", low=0.5, high=20.0)
    drift_factor: float = option(6.0, "A saccade is this many times as fast as gaze drifts.", low=0.5, high=50.0)
    edge_ratio: float = option(
        0.8, "Share of drift's part in the threshold that counts where a saccade begins and ends.", low=0.05, high=1.0
    )
    floor_deg_s: float = option(
        20.0, "Slower than this nothing is a saccade, however quiet the recording.", unit="deg/s", low=1.0, high=1000.0
    )
    fill_ms: float = option(75.0, _FILL, unit="ms", low=0.0, high=500.0)
    merge_ms: float = option(75.0, _MERGE_MS, unit="ms", low=0.0, high=500.0)
    merge_deg: float = option(0.3, _MERGE_DEG, unit="deg", low=0.0, high=10.0)
    minimum_ms: float = option(40.0, _MINIMUM, unit="ms", low=0.0, high=1000.0)
    noise_reduction: str = option("none", _REDUCTION, choices=REDUCTIONS)
    noise_samples: int = option(3, _SAMPLES, low=1, high=101)

    def __post_init__(self) -> None:
        """Refuse windows that cannot be.

        Raises:
            ConfigError: The longest window is shorter than the shortest.
        """
        if self.longest_ms < self.window_ms:
            raise ConfigError(
                f"longest_ms is {self.longest_ms:g}, less than window_ms, {self.window_ms:g}.", "Make the longest window the longer one."
            )


Detector = IVT | IDT | Adaptive
"""Any of the filters."""

DETECTORS: dict[str, type[IVT] | type[IDT] | type[Adaptive]] = {"ivt": IVT, "idt": IDT, "adaptive": Adaptive}
"""The filters by the names they go by in settings and on the command line."""

TOBII_IVT = IVT()
"""Velocity-threshold identification at its published defaults."""

ADAPTIVE = Adaptive()
"""Noise-adaptive thresholds at their defaults."""
