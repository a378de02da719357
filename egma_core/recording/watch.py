"""What threatens a recording from outside: a disk that fills up, a wall clock that is put forward or back, a computer that sleeps.

A film read at full rate must never meet any of these unawares: each is told once, in words, with what is to be done.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from egma_core.errors import RecordingError
from egma_core.files import disk_in_words
from egma_core.gaze.samples import SAMPLE_DTYPE
from egma_core.recording.clock import Clock

TroubleKind = Literal["disk", "clock", "sleep", "audio"]

_COPIES = 3  # journal, write-ahead log and database
_LITTLE = 20_000  # bytes a second of viewports, words and what else there is
_LOOK_NS = 2_000_000_000
_COMPARE_NS = 10_000_000_000
_STEP_NS = 200_000_000
_SLEPT_NS = 2_000_000_000
_READ_WITHIN_NS = 20_000_000


@dataclass(frozen=True)
class Trouble:
    """Something that threatens a recording.

    Attributes:
        host_ns: When it was noticed, on the host clock.
        kind: What.
        text: What, and what to do about it, for people.
    """

    host_ns: int
    kind: TroubleKind
    text: str


@dataclass(frozen=True)
class Disk:
    """How much room a recording has.

    Attributes:
        folder: Where it is written.
        bytes_per_s: What it takes every second.
        least_bytes: Below this a recording is ended, while there is still room to end it in.
        begin_s: A recording is begun only if there is room for so many seconds.
        warn_s: From here on the person is warned.
    """

    folder: Path
    bytes_per_s: float
    least_bytes: int = 100_000_000
    begin_s: float = 1200.0
    warn_s: float = 7200.0

    @classmethod
    def of(cls, folder: Path, rate_hz: float, audio_hz: float) -> Disk:
        """The room for gaze at `rate_hz` and for 16-bit audio at `audio_hz`."""
        return cls(folder, _COPIES * (rate_hz * SAMPLE_DTYPE.itemsize + audio_hz * 2 + _LITTLE))

    def free_bytes(self) -> int:
        """Bytes that are free.

        Raises:
            RecordingError: The folder cannot be reached.
        """
        with disk_in_words(RecordingError, f"The library's folder {self.folder} cannot be reached", "Check that its disk is connected."):
            return shutil.disk_usage(self.folder).free

    def left_s(self, free_bytes: int) -> float:
        """Seconds of recording until `least_bytes` are left of `free_bytes`."""
        return max(free_bytes - self.least_bytes, 0) / self.bytes_per_s

    def require(self) -> int:
        """Bytes that are free, enough to begin a reading.

        Raises:
            RecordingError: There is too little room, or the folder cannot be reached.
        """
        free = self.free_bytes()
        if self.left_s(free) < self.begin_s:
            what = f"The disk has {free / 1e6:.0f} MB left, enough for {_minutes(self.left_s(free))} of recording."
            raise RecordingError(what, f"Free some space first: a reading is begun only with room for {_minutes(self.begin_s)}.")
        return free


def _asleep_ns() -> int:
    """Nanoseconds that the computer has slept since it was started, where the host clock leaves them out; else 0."""
    if sys.platform == "linux":
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    if sys.platform == "darwin":
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) - time.clock_gettime_ns(time.CLOCK_UPTIME_RAW)
    return 0  # the performance counter of Windows goes on in a sleep


class Watch:
    """Looks out for trouble during one recording, at every chunk."""

    def __init__(self, disk: Disk, clock: Clock, asleep_ns: Callable[[], int] = _asleep_ns) -> None:
        """Begin.

        Args:
            disk: The room there is.
            clock: The host clock and the wall clock.
            asleep_ns: How long the computer has slept so far, in ns.
        """
        self._disk = disk
        self._clock = clock
        self._asleep_ns = asleep_ns
        self.free_bytes: int | None = None
        self._low = False
        self._gone = False
        self._looked_ns = self._stepped_ns = self._compared_ns = clock.now_ns()
        self._slept_ns = asleep_ns()
        self._apart_ns = self._wall_minus_host()

    @property
    def disk_is_full(self) -> bool:
        """Whether the recording must end now, as of the last look at the disk."""
        return self.free_bytes is not None and self.free_bytes < self._disk.least_bytes

    def look(self) -> list[Trouble]:
        """What is new since the last call."""
        now_ns = self._clock.now_ns()
        return [*self._sleep(now_ns), *self._wall(now_ns), *self._room(now_ns)]

    def _sleep(self, now_ns: int) -> list[Trouble]:
        """A sleep that the host clock counts makes a long step; one that it leaves out the system tells."""
        step_ns, self._stepped_ns = now_ns - self._stepped_ns, now_ns
        asleep_ns = self._asleep_ns()
        slept_ns, self._slept_ns = asleep_ns - self._slept_ns, asleep_ns
        if max(step_ns, slept_ns) <= _SLEPT_NS:
            return []
        self._apart_ns = self._wall_minus_host() or self._apart_ns  # the wall clock went on
        how_long_s = max(step_ns, slept_ns) / 1e9
        text = f"For {how_long_s:.1f} s nothing was recorded: the computer slept or was held up. Gaze may be missing there."
        return [Trouble(now_ns, "sleep", text)]

    def _wall(self, now_ns: int) -> list[Trouble]:
        if now_ns - self._compared_ns < _COMPARE_NS:
            return []
        apart_ns = self._wall_minus_host()
        if apart_ns is None or self._apart_ns is None:
            self._apart_ns = self._apart_ns if apart_ns is None else apart_ns
            return []
        self._compared_ns = now_ns
        step_ns, self._apart_ns = apart_ns - self._apart_ns, apart_ns
        if abs(step_ns) <= _STEP_NS:
            return []
        way = "forward" if step_ns > 0 else "back"
        text = (
            f"The computer's clock was put {way} by {abs(step_ns) / 1e9:.1f} s. The recording keeps to its own clock and is not affected."
        )
        return [Trouble(now_ns, "clock", text)]

    def _room(self, now_ns: int) -> list[Trouble]:
        if self.free_bytes is not None and now_ns - self._looked_ns < _LOOK_NS:
            return []
        self._looked_ns = now_ns
        try:
            self.free_bytes = self._disk.free_bytes()
        except RecordingError as error:
            gone, self._gone = self._gone, True
            return [] if gone else [Trouble(now_ns, "disk", str(error))]
        self._gone = False
        left_s = self._disk.left_s(self.free_bytes)
        if left_s > 1.1 * self._disk.warn_s:
            self._low = False
        if self._low or left_s > self._disk.warn_s:
            return []
        self._low = True
        return [Trouble(now_ns, "disk", f"The disk has room for {_minutes(left_s)} of recording. Free some space soon.")]

    def _wall_minus_host(self) -> int | None:
        """Wall clock less host clock in ns, or None where the two could not be read close enough together."""
        before = self._clock.now_ns()
        wall_ns = round(self._clock.utc().timestamp() * 1e6) * 1000
        after = self._clock.now_ns()
        return wall_ns - (before + after) // 2 if after - before <= _READ_WITHIN_NS else None


def _minutes(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 7200 else f"{seconds / 60:.0f} minutes"
