from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.measures import gaze_quality
from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen

SCREEN = Screen(1920, 1080, 530.0, 300.0, 650.0)


def resting(time_s: np.ndarray, gone: np.ndarray | None = None) -> PlacedGaze:
    x = np.full(len(time_s), 960.0)
    return PlacedGaze.on_screen(time_s, x if gone is None else np.where(gone, np.nan, x), np.full(len(time_s), 540.0), SCREEN)


def test_a_steady_recording_has_no_loss() -> None:
    time = np.arange(1200) / 120 + np.random.default_rng(0).normal(0.0, 0.0005, 1200)
    gaze = resting(time)
    quality = gaze_quality(gaze, detect_fixations(gaze))
    assert quality.rate_hz == pytest.approx(120.0, rel=0.01)
    assert quality.duration_s == pytest.approx(10.0, abs=0.01)
    assert quality.data_loss == pytest.approx(0.0, abs=0.005)
    assert quality.longest_gap_s == pytest.approx(0.0, abs=0.004)
    assert quality.n_fixations == 1
    assert quality.mean_fixation_s == pytest.approx(10.0, abs=0.02)
    assert quality.on_film == 0.0


def test_lost_eyes_and_missing_samples_are_loss_alike() -> None:
    time = np.arange(1000) / 100
    gone = (time >= 2.0) & (time < 4.0)
    for gaze in (resting(time, gone), resting(time[~gone])):
        quality = gaze_quality(gaze, detect_fixations(gaze))
        assert quality.data_loss == pytest.approx(0.2, abs=0.002)
        assert quality.longest_gap_s == pytest.approx(2.0, abs=0.011)
        assert quality.rate_hz == pytest.approx(100.0)


def test_blinks_are_told_from_other_losses() -> None:
    time = np.arange(1000) / 100
    gone = ((time >= 2.0) & (time < 2.2)) | ((time >= 4.0) & (time < 4.1)) | ((time >= 6.0) & (time < 7.0))
    gaze = resting(time, gone)
    quality = gaze_quality(gaze, detect_fixations(gaze))
    assert quality.n_blinks == 2
    assert (quality.data_loss, quality.blink_loss) == (pytest.approx(0.13, abs=0.001), pytest.approx(0.03, abs=0.001))


def test_a_loss_at_the_end_counts() -> None:
    time = np.arange(1000) / 100
    gaze = resting(time, time >= 7.0)
    assert gaze_quality(gaze, detect_fixations(gaze)).longest_gap_s == pytest.approx(3.0, abs=0.011)


def test_the_share_on_film_is_of_measured_samples() -> None:
    time = np.arange(100) / 100
    gaze = resting(time, time >= 0.5)
    gaze = replace(gaze, x_px=np.where(time < 0.2, 10.0, np.nan))
    assert gaze_quality(gaze, detect_fixations(gaze)).on_film == pytest.approx(0.4)


def test_an_empty_or_blind_recording_is_all_loss() -> None:
    empty = resting(np.zeros(0))
    quality = gaze_quality(empty, detect_fixations(empty))
    assert (quality.data_loss, quality.n_fixations, quality.longest_gap_s, quality.duration_s) == (1.0, 0, 0.0, 0.0)
    assert np.isnan([quality.rate_hz, quality.mean_fixation_s, quality.on_film]).all()
    time = np.arange(100) / 100
    blind = resting(time, np.ones(100, dtype=bool))
    quality = gaze_quality(blind, detect_fixations(blind))
    assert quality.data_loss == 1.0
    assert quality.longest_gap_s == pytest.approx(1.0)
