from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egma_core.errors import FrameMismatchError, InterchangeError
from egma_core.overlay.colours import colour_table
from egma_core.overlay.picture import beside, colour_bar, compose, save_png, titled

FILM = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10


def layer(colour: tuple[int, int, int, int]) -> np.ndarray:
    return np.broadcast_to(np.array(colour, dtype=np.uint8), (4, 6, 4)).copy()


def test_a_film_alone_becomes_grey_rgb() -> None:
    assert np.array_equal(compose(FILM), np.repeat(FILM[..., None], 3, axis=2))


def test_layers_are_blended_in_order() -> None:
    red, clear = layer((255, 0, 0, 128)), layer((0, 255, 0, 0))
    blended = compose(FILM, red, clear)
    expected = FILM.astype(float) * (127 / 255)
    assert np.abs(blended[..., 0] - (expected + 128)).max() <= 1
    assert np.abs(blended[..., 1] - expected).max() <= 1
    assert np.array_equal(compose(FILM, red, layer((0, 0, 255, 255)))[0, 0], [0, 0, 255])
    assert not np.array_equal(compose(FILM, layer((0, 0, 255, 255)), red)[0, 0], [0, 0, 255])


def test_a_colour_film_is_composed_too_and_sizes_must_agree() -> None:
    colour = np.repeat(FILM[..., None], 3, axis=2)
    assert np.array_equal(compose(colour), colour)
    with pytest.raises(FrameMismatchError, match="does not fit"):
        compose(FILM, np.zeros((6, 4, 4), dtype=np.uint8))


def test_a_colour_bar_runs_from_the_lowest_colour_below_to_the_highest_above() -> None:
    bar = colour_bar("inferno", "0", "1", "gaze density", 400)
    assert bar.shape[0] == 400 and bar.shape[2] == 3 and bar.dtype == np.uint8
    table = colour_table("inferno").astype(int)
    column = next(c for c in range(bar.shape[1]) if (np.abs(bar[:, c].astype(int) - table[255]).sum(axis=1) == 0).any())
    where = [int(np.abs(bar[:, column].astype(int) - table[k]).sum(axis=1).argmin()) for k in (255, 192, 128, 64)]
    assert where == sorted(where)
    assert not np.array_equal(bar, colour_bar("inferno", "0", "1", "similarity", 400))
    assert colour_bar("inferno", "0", "1", "tiny", 20).shape[0] == 20


def test_pictures_stand_side_by_side_on_one_line() -> None:
    left, right = np.full((4, 6, 3), 200, dtype=np.uint8), np.full((10, 2, 3), 100, dtype=np.uint8)
    both = beside(left, right)
    assert both.shape == (10, 6 + 2 + 2, 3)
    assert (both[6:, :6] == 200).all() and (both[:, 8:] == 100).all()
    assert (both[:6, :6] < 50).all() and (both[:, 6:8] < 50).all()


def test_a_title_stands_above_its_picture_and_takes_the_lines_it_needs() -> None:
    picture = np.full((60, 200, 3), 90, dtype=np.uint8)
    short, long = (
        titled(picture, "Gaze"),
        titled(picture, "The cardiac silhouette is mildly enlarged and there is no effusion on either side"),
    )
    assert short.shape[1:] == long.shape[1:] == (200, 3)
    assert short.shape[0] < long.shape[0]
    for framed in (short, long):
        band = framed[:-60]
        assert np.array_equal(framed[-60:], picture)
        assert (band.max(axis=2) > 200).any(), "something is written"
        assert (band[:, -3:] < 50).all(), "nothing is cut off at the right"


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3), (4, 6, 4)])
def test_a_picture_comes_back_from_its_file_and_leaves_nothing_else(tmp_path: Path, shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "overlay.png"
    path.write_bytes(b"something older")
    save_png(path, picture)
    with Image.open(path) as saved:
        assert np.array_equal(np.array(saved), picture)
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(InterchangeError, match=r"overlay\.png cannot be written"):
        save_png(tmp_path / "missing" / "overlay.png", FILM)
