"""The mouse standing in for gaze: given out as it was pushed in."""

from __future__ import annotations

import math

import numpy as np
import pytest

from egma_core.errors import TrackerError
from egma_core.trackers.fed import FedTracker


def test_positions_come_out_as_they_went_in() -> None:
    tracker = FedTracker(lambda: 1000)
    tracker.start()
    pushed = [(1000, 0.5, 0.25), (1700, 1.5, -0.25), (1700, math.nan, math.nan), (9000, 0.0, 1.0)]
    for position in pushed:
        tracker.push(*position)
    rows = tracker.drain().rows
    assert rows["host_ns"].tolist() == [1000, 1700, 1700, 9000]
    assert rows["left_x"][[0, 1, 3]].tolist() == rows["right_x"][[0, 1, 3]].tolist() == [0.5, 1.5, 0.0]
    assert rows["left_y"][[0, 1, 3]].tolist() == rows["right_y"][[0, 1, 3]].tolist() == [0.25, -0.25, 1.0]
    assert rows["left_valid"].tolist() == rows["right_valid"].tolist() == [True, True, False, True]
    assert np.isnan(rows["left_pupil_mm"]).all()
    assert np.isnan(rows["right_distance_mm"]).all()


def test_positions_out_of_order_are_refused_and_earlier_ones_left_out() -> None:
    tracker = FedTracker(lambda: 1000)
    tracker.start()
    tracker.push(999, 0.1, 0.1)
    tracker.push(2000, 0.2, 0.2)
    with pytest.raises(TrackerError, match="out of order"):
        tracker.push(1999, 0.3, 0.3)
    tracker.push(2001, 0.4, 0.4)
    assert tracker.drain().rows["left_x"].tolist() == [0.2, 0.4]
