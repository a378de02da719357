from __future__ import annotations

import numpy as np
import pytest

from egma_core.errors import ConfigError
from egma_core.gaze.filters import moving

FIRST, LAST = np.array([0, 0, 0, 0, 4, 4]), np.array([3, 3, 3, 3, 5, 5])
VALUES = np.array([[0.0, 1.0], [9.0, 1.0], [3.0, 1.0], [4.0, 5.0], [50.0, 0.0], [60.0, 2.0]])


def test_windows_stay_within_stretches_and_shrink_evenly() -> None:
    assert moving(VALUES, FIRST, LAST, "median", 3).tolist() == [[0, 1], [3, 1], [4, 1], [4, 5], [50, 0], [60, 2]]
    assert np.allclose(moving(VALUES, FIRST, LAST, "mean", 5)[:4, 0], [0.0, 4.0, 16 / 3, 4.0])


def test_nothing_to_do_and_what_cannot_be_done() -> None:
    assert moving(VALUES, FIRST, LAST, "none", 3) is VALUES and moving(VALUES, FIRST, LAST, "mean", 1) is VALUES
    for reduction, n in (("median", 2), ("mean", 0), ("savgol", 3)):
        with pytest.raises(ConfigError):
            moving(VALUES, FIRST, LAST, reduction, n)
