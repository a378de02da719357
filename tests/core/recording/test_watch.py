"""What threatens a recording is seen, told once, and told apart."""

from __future__ import annotations

import shutil
from collections import namedtuple
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from egma_core.errors import RecordingError
from egma_core.recording import watch as watch_module
from egma_core.recording.clock import HostClock
from egma_core.recording.watch import Disk, Watch

SECOND = 10**9
Usage = namedtuple("Usage", "total used free")


class Clocks:
    """A host clock and a wall clock that can part."""

    def __init__(self) -> None:
        self.host_ns = 50 * SECOND
        self.wall = datetime(2026, 5, 1, tzinfo=timezone.utc)
        self.asleep_ns = 0

    def now_ns(self) -> int:
        return self.host_ns

    def wait_until(self, host_ns: int) -> None:
        self.host_ns = host_ns

    def utc(self) -> datetime:
        return self.wall

    def pass_s(self, seconds: float) -> None:
        self.host_ns += round(seconds * SECOND)
        self.wall += timedelta(seconds=seconds)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Room on the disk, in bytes: the last entry."""
    room = [10**12]
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**13, 0, room[-1]))
    return room


def start(clocks: Clocks, tmp_path: Path) -> Watch:
    watch = Watch(Disk(tmp_path, bytes_per_s=1e6), clocks, lambda: clocks.asleep_ns)
    assert watch.look() == []
    return watch


def run(watch: Watch, clocks: Clocks, seconds: float, step_s: float = 0.1) -> list[tuple[str, str]]:
    told = []
    for _ in range(round(seconds / step_s)):
        clocks.pass_s(step_s)
        told += [(trouble.kind, trouble.text) for trouble in watch.look()]
    return told


def test_nothing_is_told_while_nothing_happens(free: list[int], tmp_path: Path) -> None:
    clocks = Clocks()
    assert run(start(clocks, tmp_path), clocks, 60.0) == []


@pytest.mark.parametrize(("by_s", "words"), [(3600.0, "put forward by 3600.0 s"), (-5.0, "put back by 5.0 s")])
def test_a_step_of_the_wall_clock_is_told_once(free: list[int], tmp_path: Path, by_s: float, words: str) -> None:
    clocks = Clocks()
    watch = start(clocks, tmp_path)
    run(watch, clocks, 12.0)
    clocks.wall += timedelta(seconds=by_s)
    ((kind, text),) = run(watch, clocks, 30.0)
    assert kind == "clock"
    assert words in text


def test_a_wall_clock_that_is_slewed_is_left_alone(free: list[int], tmp_path: Path) -> None:
    clocks = Clocks()
    watch = start(clocks, tmp_path)
    for _ in range(100):
        clocks.wall += timedelta(milliseconds=5)
        assert run(watch, clocks, 10.0, 1.0) == []


def test_a_sleep_that_the_host_clock_counts(free: list[int], tmp_path: Path) -> None:
    clocks = Clocks()
    watch = start(clocks, tmp_path)
    clocks.pass_s(90.0)
    ((kind, text),) = [(trouble.kind, trouble.text) for trouble in watch.look()]
    assert kind == "sleep"
    assert "For 90.0 s nothing was recorded" in text
    assert run(watch, clocks, 30.0) == []


def test_a_sleep_that_the_host_clock_leaves_out_is_no_step_of_the_wall_clock(free: list[int], tmp_path: Path) -> None:
    clocks = Clocks()
    watch = start(clocks, tmp_path)
    clocks.asleep_ns += 600 * SECOND
    clocks.wall += timedelta(seconds=600)
    ((kind, text),) = run(watch, clocks, 30.0)
    assert kind == "sleep"
    assert "For 600.0 s" in text


def test_clocks_that_could_not_be_read_together_are_not_compared(free: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks()
    watch = start(clocks, tmp_path)
    told = clocks.utc

    def held_up() -> datetime:
        clocks.host_ns += 400_000_000
        return told()

    monkeypatch.setattr(clocks, "utc", held_up)
    assert run(watch, clocks, 30.0) == []


def test_room_is_told_when_it_runs_short_and_ends_a_recording_in_time(free: list[int], tmp_path: Path) -> None:
    clocks = Clocks()
    watch = start(clocks, tmp_path)
    assert (watch.free_bytes, watch.disk_is_full) == (10**12, False)
    free.append(4_000_000_000)
    ((kind, text),) = run(watch, clocks, 20.0)
    assert (kind, text) == ("disk", "The disk has room for 65 minutes of recording. Free some space soon.")
    free.append(90_000_000)
    assert run(watch, clocks, 5.0) == [], "it was told"
    assert watch.disk_is_full
    free.append(10**12)
    assert run(watch, clocks, 5.0) == []
    assert not watch.disk_is_full
    free.append(4_000_000_000)
    assert len(run(watch, clocks, 5.0)) == 1, "it runs short again"


def test_a_disk_that_is_gone_is_told_once(free: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks()
    watch = start(clocks, tmp_path)

    def gone(folder: Path) -> Usage:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(shutil, "disk_usage", gone)
    ((kind, text),) = run(watch, clocks, 30.0)
    assert kind == "disk"
    assert "cannot be reached (Input/output error)" in text


def test_a_recording_is_begun_only_with_room_for_it(free: list[int], tmp_path: Path) -> None:
    disk = Disk.of(tmp_path, 1200.0, 16000)
    assert 3e5 < disk.bytes_per_s < 5e5
    assert disk.require() == 10**12
    free.append(300_000_000)
    with pytest.raises(RecordingError, match=r"has 300 MB left, enough for 8 minutes of recording\. Free some space first"):
        disk.require()


def test_the_machines_own_clocks_agree(tmp_path: Path) -> None:
    assert abs(watch_module._asleep_ns()) < 10 * 365 * 86400 * SECOND
    watch = Watch(Disk(tmp_path, bytes_per_s=1.0, least_bytes=0), HostClock())
    assert [trouble.kind for trouble in watch.look()] == []
    assert watch.free_bytes is not None
