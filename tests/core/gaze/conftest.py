"""Recordings that two experts labelled, for the tests of fixation filters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen


@dataclass(frozen=True)
class Trial:
    """A recording of still pictures, and what an expert called each sample."""

    path: Path
    gaze: PlacedGaze
    label: np.ndarray
    other_label: np.ndarray


@pytest.fixture(scope="session")
def expert_trials(shared_data: Path) -> list[Trial]:
    """Andersson et al. (2017), doi 10.3758/s13428-016-0738-9: 500 Hz, still pictures, coders MN and RA, by file name."""
    screen = Screen(1024, 768, 380.0, 300.0, 670.0)
    trials: list[Trial] = []
    for path in sorted((shared_data / "eye" / "andersson2017" / "csv").glob("*_img_*.csv")):
        rows = np.genfromtxt(path, delimiter=",", names=True)
        gone = (rows["x_px"] == 0) & (rows["y_px"] == 0)
        x, y = (np.where(gone, np.nan, rows[name]) for name in ("x_px", "y_px"))
        trials.append(Trial(path, PlacedGaze.on_screen(rows["t_ms"] / 1e3, x, y, screen), rows["label_MN"], rows["label_RA"]))
    assert len(trials) == 7
    return trials
