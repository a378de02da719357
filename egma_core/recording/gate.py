"""The gate at sign-off: whether a reading's gaze was followed well enough to be kept, in a colour and in words.

Limits as in the REFLACX protocol (Bigolin Lanfredi et al. 2022): 10 and 15 % of samples lost, 1.5 and 3 s without an eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from egma_core.errors import ConfigError
from egma_core.gaze.samples import GazeSamples
from egma_core.options import option

Verdict = Literal["green", "yellow", "red"]

_LATE_NS = 250_000_000  # samples of so long ago may still be on their way


@dataclass(frozen=True)
class GateLimits:
    """From where on a reading is questionable (yellow), and from where on it had better be redone (red)."""

    loss_yellow: float = option(0.10, "Share of lost samples from which a reading is questionable.", low=0.0, high=1.0)
    loss_red: float = option(0.15, "Share of lost samples from which a reading had better be redone.", low=0.0, high=1.0)
    gap_yellow_s: float = option(1.5, "Longest time without an eye from which a reading is questionable.", unit="s", low=0.0)
    gap_red_s: float = option(3.0, "Longest time without an eye from which a reading had better be redone.", unit="s", low=0.0)

    def __post_init__(self) -> None:
        """Refuse limits that contradict each other.

        Raises:
            ConfigError: Red begins before yellow.
        """
        if self.loss_red < self.loss_yellow or self.gap_red_s < self.gap_yellow_s:
            raise ConfigError("The gate's limits contradict each other.", "Give red limits that are not below the yellow ones.")


@dataclass(frozen=True)
class Gate:
    """How a reading stands at the gate.

    Attributes:
        loss: Share of the samples due in which neither eye was seen.
        longest_gap_s: Longest time without either eye, in s.
        verdict: `green`: keep it; `yellow`: questionable; `red`: better redone.
        reasons: Why, a sentence each; never empty.
    """

    loss: float
    longest_gap_s: float
    verdict: Verdict
    reasons: tuple[str, ...]


def judge(loss: float, longest_gap_s: float, limits: GateLimits, *, is_gaze: bool = True) -> Gate:
    """Judge a reading by its loss (0 to 1) and its longest gap in s; without gaze (a mouse) there is nothing to lose."""
    if not is_gaze:
        return Gate(loss, longest_gap_s, "green", ("The mouse stood in for gaze: nothing can be lost.",))
    found: list[tuple[int, str]] = []
    for value, yellow, red, what, limit in (
        (loss, limits.loss_yellow, limits.loss_red, f"Gaze was lost {loss:.0%} of the time", "{:.0%}"),
        (longest_gap_s, limits.gap_yellow_s, limits.gap_red_s, f"Neither eye was seen for {longest_gap_s:.1f} s on end", "{:g} s"),
    ):
        if value >= red:
            found.append((2, f"{what}; from {limit.format(red)} on a reading had better be redone."))
        elif value >= yellow:
            found.append((1, f"{what}; from {limit.format(yellow)} on a reading is questionable."))
    if not found:
        return Gate(loss, longest_gap_s, "green", (f"Gaze was lost {loss:.0%} of the time, never for more than {longest_gap_s:.1f} s.",))
    verdict: Verdict = "red" if max(found)[0] == 2 else "yellow"
    return Gate(loss, longest_gap_s, verdict, tuple(words for _, words in found))


class WholeReading:
    """Loss and longest gap of a reading, kept as it goes."""

    def __init__(self, nominal_hz: float, started_ns: int) -> None:
        """Begin a reading whose tracker gives `nominal_hz` samples a second (0: as they come)."""
        self._nominal_hz = nominal_hz
        self._started_ns = self._now_ns = self._seen_ns = started_ns
        self._n = self._n_seen = 0
        self._gap_ns = 0

    def add(self, until_ns: int, samples: GazeSamples) -> None:
        """Count the samples that came by `until_ns`."""
        self._now_ns = until_ns
        rows = samples.rows
        seen_ns = rows["host_ns"][rows["left_valid"] | rows["right_valid"]]
        self._n += len(rows)
        self._n_seen += len(seen_ns)
        if len(seen_ns):
            self._gap_ns = max(self._gap_ns, int(seen_ns[0]) - self._seen_ns, int(np.diff(seen_ns).max(initial=0)))
            self._seen_ns = int(seen_ns[-1])

    @property
    def loss(self) -> float:
        """Share of the samples due so far in which neither eye was seen."""
        due = max(self._n, self._nominal_hz * (self._now_ns - self._started_ns - _LATE_NS) / 1e9)
        return max(1.0 - self._n_seen / due, 0.0) if due else 0.0

    @property
    def longest_gap_s(self) -> float:
        """Longest time without either eye so far, in s; one that goes on counts."""
        going_on_ns = self._now_ns - self._seen_ns
        return max(self._gap_ns, going_on_ns - _LATE_NS if going_on_ns > _LATE_NS else 0) / 1e9
