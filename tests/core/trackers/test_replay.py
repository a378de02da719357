"""A recording given out once more, as if it happened now."""

from __future__ import annotations

import numpy as np
import pytest

from egma_core.errors import TrackerError
from egma_core.gaze.samples import GazeSamples
from egma_core.trackers.replay import ReplayTracker

SECOND = 10**9


def recorded(n: int) -> GazeSamples:
    samples = GazeSamples.blank(n, "tracker")
    samples.rows["host_ns"] = 77 * SECOND + np.arange(n) * SECOND // 100
    samples.rows["device_us"] = 5 + np.arange(n) * 10_001
    samples.rows["left_x"] = np.arange(n)
    samples.rows["left_valid"] = True
    return samples


def test_it_plays_to_its_end_says_so_and_can_be_played_again() -> None:
    now_ns = 3 * SECOND
    original = recorded(201)
    tracker = ReplayTracker(original, lambda: now_ns, title="reading 7")
    assert tracker.description.model == "Replay of reading 7"
    assert tracker.description.rate_hz == 100.0
    for _ in range(2):
        tracker.start()
        begun_ns = now_ns
        now_ns += SECOND
        first = tracker.drain()
        assert (len(first), list(tracker.events())) == (101, [])
        now_ns += 5 * SECOND
        second = tracker.drain()
        assert [event.kind for event in tracker.events()] == ["finished"]
        assert len(tracker.drain()) == 0
        played = GazeSamples.join([first, second], "replay").rows
        for field in ("device_us", "left_x", "left_valid"):
            assert (played[field] == original.rows[field]).all()
        assert (played["host_ns"] - begun_ns == original.host_ns - original.host_ns[0]).all()
        assert second.origin == "replay"
    assert original.host_ns[0] == 77 * SECOND, "the recording itself is not touched"


def test_what_cannot_be_replayed_is_refused() -> None:
    with pytest.raises(TrackerError, match="no samples to replay"):
        ReplayTracker(recorded(0), lambda: 0)
    backward = recorded(3)
    backward.rows["host_ns"] = backward.rows["host_ns"][::-1].copy()
    with pytest.raises(TrackerError, match="out of order"):
        ReplayTracker(backward, lambda: 0)
