"""The field's measures on maps whose worth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from egma_core.evaluation import saliency

SIDE, N_FIXATIONS = 96, 15


def scene(seed: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    random = np.random.default_rng(seed)
    place = tuple(random.integers(12, SIDE - 12, (2, N_FIXATIONS)))
    fixated = np.zeros((SIDE, SIDE), dtype=bool)
    fixated[place] = True
    return gaussian_filter(fixated.astype(float), 3.0), fixated, place


def test_a_perfect_map_its_inverse_and_noise() -> None:
    noise: list[tuple[float, float]] = []
    for seed in range(20):
        q, fixated, place = scene(seed)
        assert saliency.correlation(q, q) == pytest.approx(1)
        assert saliency.similarity(q, q) == pytest.approx(1)
        assert saliency.divergence(q, q) == pytest.approx(0, abs=1e-9)
        best, area = saliency.nss(q, q[place]), saliency.auc_judd(q, fixated)
        assert best > 3.5 and area > 0.97
        assert saliency.correlation(-q, q) == pytest.approx(-1)
        assert saliency.nss(-q, -q[place]) == pytest.approx(-best)
        assert saliency.auc_judd(-q, fixated) == pytest.approx(1 - area)
        s = np.random.default_rng((seed, 1)).random((SIDE, SIDE))
        noise.append((saliency.nss(s, s[place]), saliency.auc_judd(s, fixated)))
        assert saliency.information_gain(saliency.density(q)[place], saliency.density(s)[place]) > 1
    assert np.mean(noise, axis=0) == pytest.approx([0.0, 0.5], abs=0.12)


def test_worked_cases() -> None:
    s, q = np.array([[1.0, 3.0], [0.0, 0.0]]), np.array([[1.0, 1.0], [2.0, 0.0]])
    assert saliency.density(s).tolist() == [[0.25, 0.75], [0, 0]]
    assert saliency.density(s - 1).tolist() == [[0.25, 0.75], [0, 0]]
    assert saliency.similarity(s, q) == pytest.approx(0.25 + 0.25)
    flat = np.ones((2, 2))
    assert saliency.divergence(flat, q) == pytest.approx(0.25 * math.log(1) * 2 + 0.5 * math.log(2))
    assert saliency.nss(s, s[0]) == pytest.approx(((1 - 1) + (3 - 1)) / 2 / math.sqrt((0 + 4 + 1 + 1) / 4))
    assert saliency.nss(s, s[0], np.array([3.0, 1.0])) == pytest.approx(0.5 / math.sqrt(1.5))
    assert saliency.information_gain(np.array([0.5, 0.25]), np.array([0.25, 0.25])) == pytest.approx(0.5)
    assert saliency.information_gain(np.array([0.5, 0.25]), np.array([0.25, 0.25]), np.array([1.0, 3.0])) == pytest.approx(0.25)


def test_a_flat_map_says_nothing() -> None:
    q, fixated, place = scene(0)
    flat = np.full((SIDE, SIDE), 0.3)
    assert math.isnan(saliency.nss(flat, flat[place]))
    assert math.isnan(saliency.correlation(flat, q))
    assert saliency.auc_judd(flat, fixated) == 0.5
    assert saliency.density(flat).sum() == pytest.approx(1)
    assert math.isnan(saliency.nss(q, q[:0, 0]))
    assert math.isnan(saliency.information_gain(q[:0, 0], q[:0, 0]))


@given(st.integers(0, 50), st.floats(0.1, 10), st.floats(-5, 5))
def test_measures_that_do_not_mind_scale_and_shift(seed: int, scale: float, shift: float) -> None:
    q, fixated, place = scene(seed)
    s = np.random.default_rng(seed).random((SIDE, SIDE))
    other = s * scale + shift
    assert saliency.nss(other, other[place]) == pytest.approx(saliency.nss(s, s[place]), abs=1e-6)
    assert saliency.correlation(other, q) == pytest.approx(saliency.correlation(s, q), abs=1e-6)
    assert saliency.auc_judd(other, fixated) == pytest.approx(saliency.auc_judd(s, fixated), abs=1e-3)
