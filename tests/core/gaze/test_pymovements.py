"""The fixation filters against an implementation by other people, on labelled recordings."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from egma_core.gaze.detectors import IDT, IVT
from egma_core.gaze.dispersion import runs_by_dispersion
from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.track import Track
from egma_core.gaze.velocity import chord_deg_s
from egma_core.gaze.viewport import PlacedGaze

pytestmark = pytest.mark.needs_data


@pytest.fixture(scope="module")
def theirs() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, while they are imported
        return pytest.importorskip("pymovements", reason="pymovements is not installed")


@pytest.fixture(scope="module")
def whole(expert_trials: list[Any]) -> list[Any]:
    """Trials in which next to nothing is lost, so that filling and bridging play no part."""
    return [t for t in expert_trials if np.mean(~t.gaze.valid) < 0.001]


def angles(theirs: Any, trial: Any) -> Any:
    """Their gaze object with positions in degrees."""
    experiment = theirs.Experiment(1024, 768, 38.0, 30.0, 67.0, "upper left", 500.0)
    pixels = np.stack([trial.gaze.screen_x_px, trial.gaze.screen_y_px])
    time = np.round(trial.gaze.time_s * 1e3).astype(np.int64)
    gaze = theirs.gaze.from_numpy(time=time, pixel=pixels, experiment=experiment, time_unit="ms")
    gaze.pix2deg()
    return gaze


def found(gaze: Any) -> np.ndarray:
    return gaze.events.frame.select("onset", "offset").to_numpy()


def test_velocity_and_the_fixations_by_it(theirs: Any, whole: list[Any]) -> None:
    assert len(whole) == 3
    for trial in whole:
        gaze = angles(theirs, trial)
        gaze.pos2vel(method="neighbors")
        velocity = np.array(gaze.samples["velocity"].to_list(), dtype=float)
        track = Track.of(trial.gaze, IVT(fill_ms=0.0))
        ours = np.full(len(trial.gaze), np.nan)
        ours[track.row] = chord_deg_s(track, 0.004)
        speed = np.linalg.norm(velocity, axis=1)
        both = np.isfinite(speed) & np.isfinite(ours)
        both[[0, -1]] = False
        # Theirs is of two angles, ours of the line of sight; they part by the cosine of the eccentricity.
        assert np.allclose(ours[both], speed[both], rtol=0.06, atol=0.05)
        gaze.detect("ivt", velocity_threshold=60.0, minimum_duration=60)
        mine = detect_fixations(trial.gaze, IVT(60.0, window_ms=4.0, fill_ms=0.0, merge_ms=0.0, merge_deg=0.0, minimum_ms=60.0))
        assert_alike(found(gaze), np.column_stack([mine.onset_s, mine.offset_s]) * 1e3, within_ms=4.0, share=0.95)


def test_fixations_by_dispersion(theirs: Any, whole: list[Any]) -> None:
    """Theirs take in the sample that breaks the box, which moves whatever follows; so each is compared from its own start."""
    same: list[bool] = []
    for trial in whole:
        gaze = angles(theirs, trial)
        gaze.detect("idt", dispersion_threshold=1.0, minimum_duration=100)
        track = Track.of(trial.gaze, IDT(fill_ms=0.0))
        time_ms = np.round(track.time_s * 1e3)
        for onset, offset in found(gaze)[:-1]:
            start = int(np.searchsorted(time_ms, onset))
            rest = Track.of(part(trial.gaze, int(track.row[start])), IDT(fill_ms=0.0))
            first, last = runs_by_dispersion(rest, 1.0, 0.098)
            same.append(first[0] == 0 and abs(int(np.searchsorted(time_ms, offset)) - 1 - start - int(last[0])) <= 1)
    assert len(same) > 60 and np.mean(same) >= 0.9, np.mean(same)


def part(gaze: PlacedGaze, start: int) -> PlacedGaze:
    return PlacedGaze.on_screen(gaze.time_s[start:], gaze.screen_x_px[start:], gaze.screen_y_px[start:], gaze.screen)


def assert_alike(a_ms: np.ndarray, b_ms: np.ndarray, within_ms: float, share: float) -> None:
    """Most events of either have one of the other that begins and ends when they do."""
    near = (np.abs(a_ms[:, None] - b_ms[None]) <= within_ms).all(axis=2)
    assert near.any(axis=1).mean() >= share and near.any(axis=0).mean() >= share, (a_ms, b_ms)
