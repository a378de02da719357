"""Fixation filters against two experts' labels of the same recordings: what the filters are worth, and how the defaults were chosen."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from egma_core.gaze.agreement import event_f1, fixated, kappa
from egma_core.gaze.detectors import ADAPTIVE, IVT, TOBII_IVT, Adaptive, Detector
from egma_core.gaze.fixations import detect_fixations

FIXATION, BLINK, UNDEFINED = 1, 5, 6
KAPPA, EVENT_F1 = 0.80, 0.95

pytestmark = pytest.mark.needs_data


def agreement(label: np.ndarray, found: np.ndarray) -> tuple[float, float, float]:
    """Kappa, and event F1 with left-out samples cut out and with them counted as no fixation in either labelling."""
    kept = ~np.isin(label, [BLINK, UNDEFINED])
    truth = label == FIXATION
    return kappa(found[kept], truth[kept]), event_f1(truth[kept], found[kept]), event_f1(truth & kept, found & kept)


def mean_agreement(trials: list[Any], detector: Detector) -> np.ndarray:
    return np.mean([agreement(t.label, fixated(detect_fixations(t.gaze, detector), t.gaze.time_s)) for t in trials], axis=0)


def chosen(trials: list[Any]) -> Adaptive:
    """The settings that agree best with the expert on these trials, by kappa plus both event F1."""
    names = ("window_ms", "drift_factor", "edge_ratio")
    grid = itertools.product((12.0, 16.0, 20.0), (4.0, 6.0, 8.0), (0.6, 0.8, 1.0))
    candidates = [replace(ADAPTIVE, **dict(zip(names, values, strict=True))) for values in grid]
    return max(candidates, key=lambda candidate: float(mean_agreement(trials, candidate).sum()))


@pytest.mark.parametrize("begin", [0, 1])
def test_settings_chosen_on_every_other_trial_hold_on_the_rest(expert_trials: list[Any], begin: int) -> None:
    settings = chosen(expert_trials[begin::2])
    found = mean_agreement(expert_trials[1 - begin :: 2], settings)
    assert found[0] >= KAPPA and found[1:].min() >= EVENT_F1, (settings, found)


@pytest.mark.parametrize("begin", [0, 1])
def test_the_defaults_agree_with_an_expert(expert_trials: list[Any], begin: int) -> None:
    found = mean_agreement(expert_trials[begin::2], ADAPTIVE)
    assert found[0] >= KAPPA and found[1:].min() >= EVENT_F1, found


def test_the_defaults_agree_as_well_as_a_second_expert_and_better_than_a_fixed_threshold(expert_trials: list[Any]) -> None:
    second = np.mean([agreement(t.label, t.other_label == FIXATION) for t in expert_trials], axis=0)
    adaptive, fixed = mean_agreement(expert_trials, ADAPTIVE), mean_agreement(expert_trials, TOBII_IVT)
    assert (adaptive >= second).all(), (adaptive, second)
    assert (adaptive > fixed + 0.01).all(), (adaptive, fixed)


def test_a_fixed_threshold_at_published_defaults_is_as_good_as_is_known(expert_trials: list[Any]) -> None:
    """The published filter, and the same with a shorter velocity window, which blurs a saccade's ends less."""
    published, shorter = mean_agreement(expert_trials, TOBII_IVT), mean_agreement(expert_trials, IVT(window_ms=10.0))
    assert published[0] > 0.74 and published[1] > 0.93, published
    assert shorter[0] > 0.82 and shorter[1] > 0.93, shorter
