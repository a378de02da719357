from __future__ import annotations

import numpy as np

from egma_core.overlay.colours import colour_table
from egma_core.overlay.scan_path import scan_path_rgba

SHAPE = (400, 600)


def path(x: list[float], y: list[float], duration_s: list[float], *, numbers: bool = False, opacity: float = 1.0) -> np.ndarray:
    return scan_path_rgba(np.array(x), np.array(y), np.array(duration_s), SHAPE, numbers=numbers, opacity=opacity)


def test_circles_lie_at_the_fixations_and_lines_between_them() -> None:
    picture = path([100.0, 500.0], [80.0, 300.0], [0.3, 0.3])
    assert picture.shape == (*SHAPE, 4) and picture.dtype == np.uint8
    table = colour_table("viridis")
    assert picture[80, 100, :3].tolist() == table[64].tolist() and picture[80, 100, 3] == 255
    assert picture[300, 500, :3].tolist() == table[255].tolist()
    assert picture[190, 300, 3] == 255, "half way between them"
    assert picture[300, 100, 3] == 0 and picture[80, 500, 3] == 0


def test_longer_fixations_have_larger_areas() -> None:
    picture = path([100.0, 500.0], [100.0, 300.0], [0.2, 0.8])
    areas = [int((picture[r - 40 : r + 40, c - 40 : c + 40, 3] > 128).sum()) for r, c in ((100, 100), (300, 500))]
    assert 2.5 < areas[1] / areas[0] < 4.5


def test_edges_are_smooth_and_opacity_is_kept() -> None:
    picture = path([300.0], [200.0], [0.9], opacity=0.5)
    assert picture[200, 300, 3] in (127, 128)
    assert len(np.unique(picture[..., 3])) > 8


def test_off_film_fixations_keep_their_number_but_have_no_circle_and_no_lines() -> None:
    picture = path([100.0, np.nan, 500.0], [200.0, np.nan, 200.0], [0.3, 0.3, 0.3])
    assert picture[200, 300, 3] == 0
    assert picture[200, 100, 3] > 0 and picture[200, 500, 3] > 0
    first, third = path([np.nan, 300.0], [np.nan, 200.0], [0.3] * 2, numbers=True), path([300.0], [200.0], [0.3], numbers=True)
    assert (first != third).any()


def test_numbers_are_written_unless_a_later_circle_covers_them() -> None:
    plain, numbered = (path([100.0, 102.0], [100.0, 100.0], [0.3, 0.9], numbers=n) for n in (False, True))
    changed = np.argwhere((plain != numbered).any(axis=-1))
    alone = np.argwhere((path([102.0], [100.0], [0.9]) != path([102.0], [100.0], [0.9], numbers=True)).any(axis=-1))
    assert len(changed) and len(alone)
    assert np.abs(changed.mean(axis=0) - (100, 102)).max() < 3, "only the number of the circle on top"


def test_an_empty_path_is_an_empty_picture() -> None:
    assert path([], [], [])[..., 3].max() == 0
    assert path([np.nan], [np.nan], [0.3], numbers=True)[..., 3].max() == 0
