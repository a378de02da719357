"""Film swap: words alone earn nothing, sight earns all, and the boxes are counted in cells as stated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from egma_core.alignment.patches import PatchGrid
from egma_core.evaluation.film_swap import cells_on, film_swap
from egma_core.geometry import Rect

GRID = PatchGrid.fit(70, 70, 70, 7, 7)
"""Cells of 10 image pixels."""

PLACES = (8, 24, 40)
"""Where the findings of three films lie: film f has the finding at cell PLACES[f]; films 3 and 4 have none."""


def best_of(maps: NDArray[np.float64]) -> NDArray[np.int64]:
    """(q, F) best patches of (q, F, N) similarity maps."""
    return maps.argmax(axis=2)


NOBODY = np.zeros((3, 3), dtype=np.bool_)
"""No sentence has another one on its film."""


def swap(maps: NDArray[np.float64], removed: NDArray[np.int64] | None = None) -> dict[str, float | int]:
    """One sentence about each of three films; `removed` are the best patches on these films without their findings."""
    on_box = np.zeros((3, 49), dtype=np.bool_)
    on_box[range(3), PLACES] = True
    without = np.zeros((3, 5), dtype=np.bool_)
    without[:, 3:] = True
    best = best_of(maps)
    taken = best[range(3), range(3)] if removed is None else removed
    return film_swap(best, np.arange(3), on_box, without, taken, NOBODY).means(np.ones(3, dtype=np.bool_))


def test_a_model_that_only_knows_words_gains_nothing_though_it_points_right() -> None:
    maps = np.zeros((3, 5, 49))
    for question, place in enumerate(PLACES):
        maps[question, :, place] = 1.0  # the sentence names the place: the same patch on any film
    means = swap(maps)
    assert (means["own"], means["swapped"], means["own_minus_swapped"]) == (1.0, 1.0, 0.0)
    assert (means["removed"], means["own_minus_removed"], means["n_removed"]) == (1.0, 0.0, 3)


def test_a_model_that_sees_gains_what_it_sees() -> None:
    maps = np.zeros((3, 5, 49))
    maps[:, :, 0] = 0.5  # nothing to see: the corner
    for film, place in enumerate(PLACES):
        maps[:, film, place] = 1.0
    means = swap(maps, removed=np.zeros(3, dtype=np.int64))
    assert (means["own"], means["swapped"], means["own_minus_swapped"], means["n"]) == (1.0, 0.0, 1.0, 3)
    assert (means["removed"], means["own_minus_removed"]) == (0.0, 1.0)


def test_an_eye_for_the_place_that_other_films_lack_is_no_sight_of_the_finding() -> None:
    """Each film's anatomy has the place elsewhere: other films' patches miss the box, the film's own without its finding does not."""
    maps = np.zeros((3, 5, 49))
    maps[:, 3:, 0] = 1.0
    for film, place in enumerate(PLACES):
        maps[:, film, place] = 1.0
    means = swap(maps)
    assert means["own_minus_swapped"] == 1.0
    assert means["own_minus_removed"] == 0.0


def test_whoever_points_at_anything_abnormal_gains_nothing_beside_another_sentence() -> None:
    """Two findings on one film, a sentence about each; a third sentence is alone on its film."""
    on_box = np.zeros((3, 49), dtype=np.bool_)
    on_box[range(3), PLACES] = True
    film = np.array([0, 0, 1])
    others = np.array([[False, True, False], [True, False, False], [False, False, False]])
    without = np.array([[False, True], [False, True], [True, False]])

    def pointing(places: list[int]) -> dict[str, float | int]:
        best = np.zeros((3, 2), dtype=np.int64)
        best[range(3), film] = places
        return film_swap(best, film, on_box, without, np.zeros(3, dtype=np.int64), others).means(np.ones(3, dtype=np.bool_))

    deaf = pointing([PLACES[0], PLACES[0], PLACES[2]])
    assert (deaf["own_minus_other"], deaf["n_other"], deaf["n"]) == (0.0, 2, 3)
    assert deaf["own_minus_removed"] == pytest.approx(2 / 3)
    hears = pointing([PLACES[0], PLACES[1], PLACES[2]])
    assert (hears["other"], hears["own_minus_other"]) == (0.0, 1.0)
    swaps_them = pointing([PLACES[1], PLACES[0], PLACES[2]])
    assert swaps_them["own_minus_other"] == -1.0


@given(st.integers(0, 2**32 - 1))
def test_any_map_that_is_the_same_on_all_films_gains_nothing(seed: int) -> None:
    of_words = np.random.default_rng(seed).normal(size=(3, 1, 49))
    assert swap(np.broadcast_to(of_words, (3, 5, 49)))["own_minus_swapped"] == 0.0


def test_constant_maps_gain_nothing() -> None:
    assert swap(np.ones((3, 5, 49)))["own_minus_swapped"] == 0.0


def test_random_maps_point_by_chance() -> None:
    random = np.random.default_rng(0)
    n = 4000
    on_box = random.random((n, 49)) < 0.2
    best, removed = best_of(random.normal(size=(n, 3, 49))), random.integers(0, 49, n)
    others = np.roll(np.eye(n, dtype=np.bool_), 1, axis=1)
    result = film_swap(best, np.zeros(n, dtype=np.int64), on_box, np.array([[False, True, True]] * n), removed, others)
    means = result.means(np.ones(n, dtype=np.bool_))
    assert means["own"] == pytest.approx(means["chance"], abs=0.02)
    for control in ("removed", "swapped", "other"):
        assert means[f"own_minus_{control}"] == pytest.approx(0.0, abs=0.03)


def test_swapped_is_the_mean_over_every_film_without_the_finding() -> None:
    on_box = np.zeros((1, 49), dtype=np.bool_)
    on_box[0, 5] = True
    best = np.array([[5, 5, 5, 0, 1]])
    without = np.array([[False, False, True, True, True]])
    result = film_swap(best, np.array([0]), on_box, without, np.array([5]), np.array([[False]]))
    assert result.own.tolist() == [1.0]
    assert result.swapped.tolist() == pytest.approx([1 / 3])
    assert result.chance.tolist() == pytest.approx([1 / 49])


def test_a_finding_that_every_film_has_is_left_out() -> None:
    on_box = np.ones((2, 4), dtype=np.bool_)
    without, alone = np.array([[False, False], [True, False]]), np.zeros((2, 2), dtype=np.bool_)
    result = film_swap(np.zeros((2, 2), dtype=np.int64), np.array([0, 1]), on_box, without, np.zeros(2, dtype=np.int64), alone)
    assert np.isnan(result.swapped[0])
    means = result.means(np.ones(2, dtype=np.bool_))
    assert (means["n"], means["n_removed"], means["n_swapped"], means["n_other"]) == (2, 2, 1, 0)
    assert np.isnan(means["own_minus_other"])
    nothing = result.means(np.zeros(2, dtype=np.bool_))
    assert nothing["n"] == 0
    assert np.isnan(nothing["own"])


@pytest.mark.parametrize(
    ("box", "cells"),
    [
        (Rect(21, 31, 29, 39), [(3, 2)]),  # inside one cell
        (Rect(25, 31, 35, 39), [(3, 2), (3, 3)]),  # on an edge
        (Rect(25, 35, 35, 45), [(3, 2), (3, 3), (4, 2), (4, 3)]),  # on a corner
        (Rect(27, 31, 45, 39), [(3, 3), (3, 4)]),  # three tenths, all and half of the cells
        (Rect(0, 0, 20, 10), [(0, 0), (0, 1)]),
    ],
)
def test_a_box_takes_the_cells_that_cover_half_of_what_the_best_one_does(box: Rect, cells: list[tuple[int, int]]) -> None:
    on_box = cells_on([box], [GRID])[0].reshape(7, 7)
    assert sorted(zip(*np.nonzero(on_box), strict=True)) == cells


@given(st.floats(0, 60), st.floats(0, 60), st.floats(0.5, 69), st.floats(0.5, 69))
def test_every_box_on_the_film_takes_a_cell(left: float, top: float, width: float, height: float) -> None:
    box = Rect(left, top, min(left + width, 70.0), min(top + height, 70.0))
    on_box = cells_on([box], [GRID])[0]
    assert on_box.any()
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    rows, columns = np.nonzero(on_box.reshape(7, 7))
    assert rows.min() <= y / 10 <= rows.max() + 1
    assert columns.min() <= x / 10 <= columns.max() + 1


def test_padding_is_taken_into_account() -> None:
    tall = PatchGrid.fit(70, 35, 70, 7, 7)  # 17.5 px of padding at each side
    on_box = cells_on([Rect(0, 0, 10, 10)], [tall])[0].reshape(7, 7)
    assert [(int(r), int(c)) for r, c in zip(*np.nonzero(on_box), strict=True)] == [(0, 2)]
    mixed = cells_on([Rect(0, 0, 10, 10), Rect(0, 0, 10, 10)], [tall, GRID])
    assert mixed.argmax(axis=1).tolist() == [2, 0]  # each on its own film's grid


def test_a_box_outside_the_picture_takes_none_and_no_boxes_are_no_rows() -> None:
    assert not cells_on([Rect(90, 90, 95, 95)], [GRID]).any()
    assert cells_on([], []).shape == (0, 0)
