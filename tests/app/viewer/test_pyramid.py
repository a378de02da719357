from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_app.viewer.pyramid import Pyramid


def test_reading_every_pixel_gives_the_film_itself() -> None:
    film = np.random.default_rng(1).integers(0, 65536, (61, 83)).astype(np.uint16)
    seen = Pyramid(film).sample(np.arange(83) + 0.5, np.arange(61) + 0.5)
    assert np.array_equal(seen, film)
    backwards = Pyramid(film).sample(np.arange(83)[::-1] + 0.5, np.arange(61) + 0.5)
    assert np.array_equal(backwards, film[:, ::-1])


def test_levels_are_whole_numbered_means() -> None:
    film = np.random.default_rng(2).integers(0, 65536, (515, 701)).astype(np.uint16)
    levels = Pyramid(film).levels
    assert [level.shape for level in levels] == [(515, 701), (258, 351), (129, 176)]
    block = film[100:102, 200:202].astype(int)
    assert levels[1][50, 100] == (block.sum() + 2) // 4


@settings(max_examples=40)
@given(st.floats(0.07, 3.9), st.floats(0.07, 3.9), st.floats(0, 40), st.floats(0, 40), st.booleans())
def test_a_ramp_is_read_where_it_lies(step_x: float, step_y: float, x0: float, y0: float, backwards: bool) -> None:
    rows, columns = np.mgrid[0:600, 0:700]
    film = (rows * 40 + columns * 30).astype(np.uint16)
    x, y = 40 + x0 + np.arange(120) * step_x, 40 + y0 + np.arange(100) * step_y
    if backwards:
        x = x[::-1]
    seen = Pyramid(film).sample(x, y).astype(float)
    expected = (y[:, None] - 0.5) * 40 + (x[None, :] - 0.5) * 30
    assert np.abs(seen - expected).max() < 2.0


def test_reduced_film_is_averaged_and_not_picked_from() -> None:
    checks = (np.indices((1024, 1024)).sum(axis=0) % 2 * 4000).astype(np.uint16)
    step = 1024 / 300
    centres = (np.arange(300) + 0.5) * step
    seen = Pyramid(checks).sample(centres, centres)
    assert seen.min() == seen.max() == 2000


def test_beyond_the_edge_is_the_edge() -> None:
    film = np.array([[10, 20], [30, 40]], np.uint16)
    seen = Pyramid(film).sample(np.array([-3.0, 5.0]), np.array([-3.0, 5.0]))
    assert seen.tolist() == [[10, 20], [30, 40]]


@pytest.mark.parametrize("shape", [(1, 1, 3), (300, 257, 3)])
def test_colour_is_read_channel_by_channel(shape: tuple[int, int, int]) -> None:
    film = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    x, y = np.arange(shape[1]) + 0.25, np.arange(shape[0]) + 0.75
    together = Pyramid(film).sample(x, y)
    apart = [Pyramid(np.ascontiguousarray(film[..., c])).sample(x, y) for c in range(3)]
    assert together.dtype == np.uint8 and np.array_equal(together, np.stack(apart, axis=-1))
