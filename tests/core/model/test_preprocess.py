"""Preparing a film: geometry to the half pixel, tones, and polarity."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.alignment.patches import PatchGrid
from egma_core.dicom.image import DicomImage
from egma_core.errors import ImageError
from egma_core.model.preprocess import MEAN, STANDARD_DEVIATION, normalise, prepare, square_picture


def film(pixels: np.ndarray, *, inverted: bool = False) -> DicomImage:
    return DicomImage(
        pixels=pixels[None].astype(np.uint16),
        offset=0,
        bits_stored=8,
        modality_lut=None,
        slope=1.0,
        intercept=0.0,
        windows=(),
        voi_luts=(),
        inverted=inverted,
        padding=None,
        pixel_spacing_mm=None,
        spacing_source="",
        modality="DX",
        view_position="PA",
        patient_orientation=("", ""),
        study_uid="1.2",
        series_uid="1.2.3",
        instance_uid="1.2.3.4",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
    )


def centroid(picture: np.ndarray) -> tuple[float, float]:
    """(x, y) of the picture's mass, in the project's pixel convention."""
    mass = picture.astype(np.float64)
    rows, columns = np.indices(picture.shape) + 0.5
    return float((mass * columns).sum() / mass.sum()), float((mass * rows).sum() / mass.sum())


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 301), st.integers(40, 301), st.integers(32, 224), st.floats(0.15, 0.85), st.floats(0.15, 0.85))
def test_a_mark_lands_where_the_grid_says(rows: int, columns: int, size_px: int, x: float, y: float) -> None:
    pixels = np.zeros((rows, columns), dtype=np.uint8)
    row, column = int(y * rows), int(x * columns)
    pixels[row - 4 : row + 5, column - 4 : column + 5] = 255
    to_network = PatchGrid.fit(rows, columns, size_px, 7, 7).image_to_network
    expected = to_network.apply([column + 0.5, row + 0.5])
    np.testing.assert_allclose(centroid(square_picture(pixels, size_px)), expected, atol=0.1)


@pytest.mark.parametrize(("rows", "columns"), [(100, 61), (61, 100), (100, 60), (77, 77)])
def test_what_is_not_film_is_black(rows: int, columns: int) -> None:
    picture = square_picture(np.full((rows, columns), 200, dtype=np.uint8), 100)
    seen = PatchGrid.fit(rows, columns, 100, 1, 1).image_to_network
    left, top = seen.apply([0, 0])
    right, bottom = seen.apply([columns, rows])
    inside = picture[int(np.ceil(top)) + 1 : int(bottom) - 1, int(np.ceil(left)) + 1 : int(right) - 1]
    assert (inside == 200).all()
    outside = picture.copy()
    outside[max(0, int(top) - 2) : int(bottom) + 3, max(0, int(left) - 2) : int(right) + 3] = 0
    assert not outside.any()


def test_shrinking_does_not_alias() -> None:
    stripes = np.zeros((512, 512), dtype=np.uint8)
    stripes[:, ::2] = 255
    middle = square_picture(stripes, 64)[8:-8, 8:-8]
    assert np.abs(middle.astype(int) - 127).max() <= 4


def test_colour_becomes_grey() -> None:
    colour = np.zeros((20, 20, 3), dtype=np.uint8)
    colour[..., 1] = 255
    assert square_picture(colour, 10).shape == (10, 10)
    assert square_picture(colour, 10)[5, 5] == 150


def test_tones_are_normalised() -> None:
    picture = np.array([[0, 255]], dtype=np.uint8).repeat(2, axis=0)
    values = normalise(picture)
    assert values.shape == (1, 2, 2)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[0, 0], [-MEAN / STANDARD_DEVIATION, (1 - MEAN) / STANDARD_DEVIATION], rtol=1e-6)
    np.testing.assert_array_equal(normalise(picture.astype(np.float32) / np.float32(255)), values)
    assert picture.tolist() == [[0, 255], [0, 255]]


def test_a_film_is_prepared_whole() -> None:
    pixels = np.tile(np.arange(200, dtype=np.uint8), (300, 1))
    prepared = prepare(film(pixels), 112)
    assert prepared.pixels.shape == (1, 112, 112)
    assert prepared.pixels.dtype == np.float32
    assert prepared.image_shape == (300, 200)
    assert prepared.image_to_network == PatchGrid.fit(300, 200, 112, 7, 7).image_to_network


def test_both_polarities_look_the_same() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 50))
    plain, inverted = prepare(film(pixels), 64), prepare(film(255 - pixels, inverted=True), 64)
    np.testing.assert_array_equal(plain.pixels, inverted.pixels)


@pytest.mark.parametrize("frame", [-1, 1])
def test_a_frame_that_is_not_there(frame: int) -> None:
    with pytest.raises(ImageError, match="frame"):
        prepare(film(np.zeros((8, 8))), 32, frame)


def test_frames_are_told_apart() -> None:
    first, second = np.zeros((8, 8)), np.full((8, 8), 255)
    both = replace(film(first), pixels=np.stack([first, second]).astype(np.uint16))
    assert prepare(both, 32, 1).pixels.mean() > prepare(both, 32, 0).pixels.mean()
