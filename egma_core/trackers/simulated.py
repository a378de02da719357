"""A simulated binocular eye tracker: samples that look like a reader's, the same ones for the same seed.

It serves the demo, the training of staff, and tests; its samples carry the origin `simulated` wherever they go. Beyond
the path of the eyes it imitates the offset, drift and noise of each eye, blinks, losses of one eye, drop-outs of the
connection, pupil and distance; and it can be calibrated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import TrackerError
from egma_core.gaze.samples import SAMPLE_DTYPE, GazeSamples
from egma_core.geometry import Screen
from egma_core.trackers.calibration import Calibration, Point
from egma_core.trackers.events import EventLog
from egma_core.trackers.lapses import Lapses
from egma_core.trackers.scanpath import GazeTarget, Scanpath
from egma_core.trackers.simulated_calibration import EyeErrors, SimulatedCalibration
from egma_core.trackers.tracker import EyePosition, Position, Tracker, TrackerDescription, TrackerEvent

_DEVICE_OFFSET_US = 1_000_000  # the device counts from another moment ...
_DEVICE_RATE = 1.0 + 2e-5  # ... and a little faster, as devices do
_BLINK_S = (0.1, 0.25)
_LOSS_S = (0.03, 0.12)
_DROPOUT_S = (0.2, 1.0)
_SWAY_MM, _SWAY_S = 6.0, 17.0  # the head, to and fro
_HIPPUS_MM, _HIPPUS_S = 0.12, 2.3  # the pupil's own unrest
_FIELDS = ("x", "y", "pupil_mm", "distance_mm")
_EYES_APART_MM = 62.0
_GLANCE_SCATTER_DEG = 0.1  # who is asked to look at a target looks at it
_BOX_MM = (400.0, 300.0, 300.0)  # what such a tracker sees: across, down, and in depth around the best distance
_CAPABILITIES = frozenset({"calibration", "redo_point", "calibration_data", "position_guide", "pupil", "distance", "display_area"})


class SimulatedTracker(Tracker):
    """Samples at an exact rate up to the clock's now, however often it is drained."""

    def __init__(
        self,
        now_ns: Callable[[], int],
        screen: Screen,
        *,
        rate_hz: float = 120.0,
        seed: int = 0,
        targets: Iterable[GazeTarget] = (),
        noise_deg: float = 0.1,
        offset_deg: float = 0.25,
        blinks_per_min: float = 10.0,
        losses_per_min: float = 4.0,
        drift_deg_per_min: float = 0.0,
        dropouts_per_min: float = 0.0,
        pupil_mm: float = 3.4,
    ) -> None:
        """Make a tracker; two with the same arguments and starts give the same samples.

        Args:
            now_ns: The host clock.
            screen: The display that is looked at.
            rate_hz: Samples per second, up to 4000.
            seed: Picks the eyes, their path and their noise; each start goes on to another path.
            targets: What to look at; without any, the eyes wander.
            noise_deg: Standard deviation of each eye's noise along each axis, in degrees.
            offset_deg: Standard deviation of each eye's constant offset along each axis, in degrees.
            blinks_per_min: Blinks a minute; both eyes are lost for 100 to 250 ms.
            losses_per_min: Losses of each single eye a minute, for 30 to 120 ms.
            drift_deg_per_min: Standard deviation of the speed at which each eye's offset grows along each axis, in degrees a minute.
            dropouts_per_min: Drop-outs of the connection a minute; no samples come for 0.2 to 1 s.
            pupil_mm: Mean diameter of the pupils in mm.

        Raises:
            TrackerError: The rate or the seed cannot be.
        """
        if not 0 < rate_hz <= 4000 or seed < 0:
            raise TrackerError(
                f"A simulated tracker cannot run at {rate_hz} Hz with seed {seed}.", "Use up to 4000 Hz and a seed from 0 up."
            )
        self._now_ns = now_ns
        self._screen = screen
        self._rate_hz = float(rate_hz)
        self._seed = seed
        self._targets = tuple(targets)
        per_deg = screen.px_per_deg()
        self._deg = np.array([per_deg / screen.width_px, per_deg / screen.height_px] * 2)
        self._noise_deg = noise_deg
        offsets = offset_deg * np.random.default_rng((seed, 0)).standard_normal(4)
        drifts = drift_deg_per_min * np.random.default_rng((seed, 0, 1)).standard_normal(4)
        self._errors = EyeErrors(offsets, drifts)
        self._blinks_per_min = blinks_per_min
        self._losses_per_min = losses_per_min
        self._dropouts_per_min = dropouts_per_min
        self._pupil_mm = pupil_mm
        self._events = EventLog(now_ns)
        device = SimulatedCalibration(
            now_ns,
            self._errors,
            self._deg,
            self.glance,
            noise_deg=noise_deg,
            blinks=Lapses(np.random.default_rng((seed, 0, 2)), blinks_per_min, *_BLINK_S),
            rng=np.random.default_rng((seed, 0, 3)),
        )
        self._calibration = Calibration(device, device)
        self._n_starts = 0
        self._n_given = 0
        self._stopped_ns: int | None = -1  # nothing is due before the first start
        self._begin(0)

    @property
    def description(self) -> TrackerDescription:
        """A simulated tracker; its serial number is the seed."""
        return TrackerDescription(
            "simulated",
            "simulated",
            "Simulated eye tracker",
            str(self._seed),
            self._rate_hz,
            _CAPABILITIES,
            display_mm=(self._screen.width_mm, self._screen.height_mm),
        )

    def start(self) -> None:
        """Begin a stream whose first sample is due now."""
        self._begin(self._now_ns())
        self._stopped_ns = None

    def look_at(self, targets: Iterable[GazeTarget]) -> None:
        """From now on, or from the next start, look at these targets instead of the former ones.

        Raises:
            ConfigError: A target ends before it begins.
        """
        self._targets = tuple(targets)
        if self._stopped_ns is None:
            self._path.look_at(self._targets, self._now_ns())

    def glance(self, point: Point, seconds: float) -> None:
        """Keep the eyes on `point` (display fractions) for a while, then on nothing in particular; only while streaming."""
        if self._stopped_ns is None:
            now_ns = self._now_ns()
            self._path.look_at([GazeTarget(now_ns, now_ns + round(seconds * 1e9), *point, scatter_deg=_GLANCE_SCATTER_DEG)], now_ns)

    def drain(self) -> GazeSamples:
        """Every sample that has become due since the last call."""
        until_ns = self._now_ns() if self._stopped_ns is None else self._stopped_ns
        n_due = int((until_ns - self._start_ns) * self._rate_hz // 1e9) + 1
        if n_due <= self._n_given:
            return GazeSamples.blank(0, "simulated")
        passed_ns = np.rint(np.arange(self._n_given, n_due) * (1e9 / self._rate_hz)).astype(np.int64)
        self._n_given = n_due
        return self._samples(passed_ns)

    def stop(self) -> None:
        """End the stream; what is due already can still be drained."""
        if self._stopped_ns is None:
            self._stopped_ns = self._now_ns()

    def close(self) -> None:
        """Stop; there is no device to let go."""
        self.stop()

    def events(self) -> Sequence[TrackerEvent]:
        """Drop-outs of the connection, as far as the stream has been drained."""
        return self._events.take()

    def position(self) -> Position | None:
        """Where the reader's head is now, swaying; None before the first start."""
        if self._stopped_ns == -1:
            return None
        away_mm = self._sway_mm(np.array([(self._now_ns() - self._start_ns) / 1e9]))[0]
        left, right = (
            EyePosition(0.5 + side * _EYES_APART_MM / 2 / _BOX_MM[0], 0.5, 0.5 + away_mm / _BOX_MM[2], self._screen.distance_mm + away_mm)
            for side in (-1, 1)
        )
        return Position(left, right)

    @property
    def calibration(self) -> Calibration | None:
        """Takes the simulated offsets out."""
        return self._calibration

    @staticmethod
    def _sway_mm(passed_s: NDArray[np.float64]) -> NDArray[np.float64]:
        return _SWAY_MM * np.sin(passed_s * (2.0 * np.pi / _SWAY_S))

    def _begin(self, start_ns: int) -> None:
        self._n_starts += 1
        seeds = np.random.SeedSequence((self._seed, self._n_starts)).spawn(5)
        self._noise, blinks, left, right, dropouts = (np.random.default_rng(seed) for seed in seeds)
        self._blinks = Lapses(blinks, self._blinks_per_min, *_BLINK_S)
        self._losses = (Lapses(left, self._losses_per_min, *_LOSS_S), Lapses(right, self._losses_per_min, *_LOSS_S))
        self._dropouts = Lapses(dropouts, self._dropouts_per_min, *_DROPOUT_S)
        self._connected = True
        self._path = Scanpath(self._screen, (self._seed, self._n_starts), start_ns)
        self._start_ns = start_ns
        self._n_given = 0
        if self._targets:
            self._path.look_at(self._targets, start_ns)

    def _samples(self, passed_ns: NDArray[np.int64]) -> GazeSamples:
        rows = np.empty(len(passed_ns), SAMPLE_DTYPE)
        rows["host_ns"] = self._start_ns + passed_ns
        rows["device_us"] = (passed_ns * (_DEVICE_RATE / 1000.0)).astype(np.int64) + _DEVICE_OFFSET_US
        passed_s = passed_ns / 1e9
        # Drawn row by row, so that the stream does not depend on how it is cut into blocks.
        noise = self._noise.standard_normal((len(passed_ns), 8))
        path = self._path.at(rows["host_ns"])
        error = (self._errors.at(rows["host_ns"]) + self._noise_deg * noise[:, :4]) * self._deg
        pupil = self._pupil_mm + _HIPPUS_MM * np.sin(passed_s * (2.0 * np.pi / _HIPPUS_S))
        distance = self._screen.distance_mm + self._sway_mm(passed_s)
        blink = self._blinks.at(passed_s)
        for eye, side in enumerate(("left", "right")):
            rows[f"{side}_x"] = path[:, 0] + error[:, 2 * eye]
            rows[f"{side}_y"] = path[:, 1] + error[:, 2 * eye + 1]
            rows[f"{side}_pupil_mm"] = pupil + 0.02 * noise[:, 4 + eye]
            rows[f"{side}_distance_mm"] = distance + 0.3 * noise[:, 6 + eye]
            lost = blink | self._losses[eye].at(passed_s)
            rows[f"{side}_valid"] = ~lost
            if lost.any():
                for field in _FIELDS:
                    rows[f"{side}_{field}"][lost] = np.nan
        return GazeSamples(self._without_dropouts(rows, passed_s), "simulated")

    def _without_dropouts(self, rows: NDArray[np.void], passed_s: NDArray[np.float64]) -> NDArray[np.void]:
        """What comes through of `rows`, and an event at each end of a drop-out."""
        if not self._dropouts_per_min:
            return rows
        gone = self._dropouts.at(passed_s)
        connected = np.concatenate([[self._connected], ~gone])
        for at in np.flatnonzero(connected[1:] != connected[:-1]).tolist():
            if gone[at]:
                self._events.tell("connection_lost", "The simulated tracker has dropped out.", int(rows["host_ns"][at]))
            else:
                self._events.tell("connection_restored", "The simulated tracker is back.", int(rows["host_ns"][at]))
        self._connected = not gone[-1]
        return rows[~gone]
