"""One table holds the whole greyscale pipeline: compared with the standard's formulas, written out once more here."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.dicom.display import automatic_window, default_window, display_table, render, view_names
from egma_core.dicom.image import DicomImage, LookupTable, Rescale, Window
from egma_core.dicom.reader import read_image
from egma_core.dicom.shutters import Shutter
from egma_core.errors import UnsupportedImageError


def film(pixels: object = ((0,),), **fields: object) -> DicomImage:
    given = dict.fromkeys(("spacing_source", "modality", "view_position", "study_uid", "series_uid", "instance_uid", "sop_class_uid"), "")
    image = DicomImage(
        pixels=np.array(pixels, np.uint16)[None],
        offset=0,
        bits_stored=12,
        modality_lut=None,
        slope=1.0,
        intercept=0.0,
        windows=(),
        voi_luts=(),
        inverted=False,
        padding=None,
        pixel_spacing_mm=None,
        patient_orientation=("", ""),
        **given,
    )
    return dataclasses.replace(image, **fields)


def level(x: float, window: Window) -> float:
    """PS3.3 C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2 for an output of 0 to 255, one value at a time."""
    c, w = window.center, window.width
    if window.function == "SIGMOID":
        return 255.0 / (1.0 + math.exp(max(-700.0, min(700.0, -4.0 * (x - c) / w))))
    if window.function == "LINEAR_EXACT":
        if x <= c - w / 2:
            return 0.0
        return 255.0 if x > c + w / 2 else ((x - c) / w + 0.5) * 255.0
    if x <= c - 0.5 - (w - 1) / 2:
        return 0.0
    return 255.0 if x > c - 0.5 + (w - 1) / 2 else ((x - (c - 0.5)) / (w - 1) + 0.5) * 255.0


@given(
    function=st.sampled_from(["LINEAR", "LINEAR_EXACT", "SIGMOID"]),
    center=st.floats(-5000, 70000),
    width=st.floats(1, 70000),
    slope=st.floats(0.1, 10) | st.floats(-10, -0.1),
    intercept=st.floats(-5000, 5000),
    signed=st.booleans(),
    inverted=st.booleans(),
    by_hand=st.booleans(),
)
def test_tables_follow_the_standard(
    function: str, center: float, width: float, slope: float, intercept: float, signed: bool, inverted: bool, by_hand: bool
) -> None:
    window = Window(center, width, function)
    image = film(offset=32768 if signed else 0, slope=slope, intercept=intercept, inverted=inverted, windows=(window,))
    table = display_table(image, window if by_hand else None, invert=False)
    assert table.shape == (65536,) and table.dtype == np.uint8
    for value in range(0, 65536, 4099):
        expected = level((value - image.offset) * slope + intercept, window)
        expected = 255.0 - expected if inverted else expected
        assert abs(float(table[value]) - expected) <= 0.5001 or width == 1


def test_polarity_is_turned_once_by_the_film_and_once_by_the_person() -> None:
    window = Window(2048.0, 4096.0)
    plain = display_table(film(), window)
    assert np.array_equal(display_table(film(inverted=True), window), 255 - plain)
    assert np.array_equal(display_table(film(), window, invert=True), 255 - plain)
    assert np.array_equal(display_table(film(inverted=True), window, invert=True), plain)
    assert plain[0] == 0 and plain[4095] == 255


def test_width_one_is_a_threshold() -> None:
    table = display_table(film(), Window(128.0, 1.0))
    assert set(table[:128]) == {0} and set(table[128:]) == {255}


def test_a_voi_lut_goes_before_windows_and_its_own_maximum_is_white() -> None:
    lut = LookupTable(100, np.array([0.0, 10.0, 20.0, 40.0]))
    image = film(voi_luts=(lut,), windows=(Window(2.0, 2.0),))
    assert display_table(image)[[0, 100, 101, 102, 103, 4000]].tolist() == [0, 0, 64, 128, 255, 255]
    assert np.array_equal(display_table(image, voi=1), display_table(image, Window(2.0, 2.0)))
    assert np.array_equal(display_table(image, voi=9), display_table(image, Window(2.0, 2.0)))
    assert np.array_equal(display_table(film(voi_luts=(lut,)), voi=9), display_table(film(voi_luts=(lut,))))


def test_a_lut_of_eight_bits_may_be_longer_than_256_entries() -> None:
    lut = LookupTable(0, np.linspace(0.0, 255.0, 4096).round())
    table = display_table(film(voi_luts=(lut,)))
    assert table[256] == 16 and table[4095] == 255


def test_a_modality_lut_feeds_the_window() -> None:
    lut = LookupTable(-2, np.array([500.0, 400.0, 300.0, 200.0, 100.0]))
    image = film(offset=32768, modality_lut=lut)
    table = display_table(image, Window(300.0, 400.0, "LINEAR_EXACT"))
    assert table[[0, 32766, 32767, 32768, 32770, 65535]].tolist() == [255, 255, 191, 128, 0, 0]


def test_the_automatic_window_of_shallow_films_is_all_they_can_store() -> None:
    dark = film([[3, 4], [5, 6]], bits_stored=8)
    assert np.array_equal(display_table(dark)[:256], np.arange(256))
    signed = film([[32768]], bits_stored=8, offset=32768)
    assert np.array_equal(display_table(signed)[32768 - 128 : 32768 + 128], np.arange(256))


def test_the_automatic_window_leaves_out_padding_and_outliers() -> None:
    body = np.tile(np.arange(1000, 2000, dtype=np.uint16), (100, 1))
    image = film(np.concatenate([np.zeros((100, 500), np.uint16), body], axis=1), padding=(0, 0))
    found = automatic_window(image)
    assert found.center - found.width / 2 == pytest.approx(1000 + 0.005 * 1000, abs=1.5)
    assert found.center + found.width / 2 == pytest.approx(1000 + 0.995 * 1000, abs=1.5)
    spoilt = automatic_window(dataclasses.replace(image, padding=None))
    assert spoilt.center - spoilt.width / 2 == 0.0


def test_padding_is_black_whatever_the_polarity() -> None:
    image = film([[5, 4000]], padding=(4000, 4095), inverted=True, windows=(Window(2048.0, 4096.0),))
    assert render(image)[0, 1] == 0 and render(image)[0, 0] > 200
    assert render(image, invert=True)[0, 1] == 0


@given(st.lists(st.integers(0, 65535), min_size=1, max_size=50), st.floats(-3, 3).filter(lambda slope: abs(slope) > 0.01))
def test_the_automatic_window_runs_between_quantiles(values: list[int], slope: float) -> None:
    found = automatic_window(film([values], slope=slope, intercept=7.0, bits_stored=16))
    low, high = np.percentile(np.array(values) * slope + 7.0, [0.5, 99.5])
    assert found.center == pytest.approx((low + high) / 2) and found.width == pytest.approx((high - low) or 1.0)


def test_a_presentation_lut_has_the_last_word() -> None:
    table = LookupTable(0, np.array([40.0, 20.0, 10.0, 0.0]))
    image = film(presentation_lut=table, windows=(Window(2048.0, 4096.0),))
    assert display_table(image)[[0, 1365, 2730, 4095]].tolist() == [255, 128, 64, 0]
    assert np.array_equal(display_table(image, invert=True), 255 - display_table(image))


def test_frames_may_have_windows_and_slopes_of_their_own() -> None:
    windows = ((Window(50.0, 100.0, name="BONE"),), (), (Window(500.0, 1000.0),))
    rescales = (Rescale(1.0, 0.0), Rescale(2.0, 0.0), Rescale(1.0, 450.0))
    image = film(frame_windows=windows, frame_rescales=rescales, windows=(Window(100.0, 200.0),))
    image = dataclasses.replace(image, pixels=np.full((3, 1, 1), 50, np.uint16))
    assert [int(render(image, frame)[0, 0]) for frame in range(3)] == [129, 128, 128]
    assert default_window(image, 0).name == "BONE" and default_window(image, 1).width == 200.0
    assert view_names(image, 0) == ("BONE",) and view_names(image, 1) == ("",)


def test_shutters_are_closed_and_do_not_count() -> None:
    shutter = Shutter(rectangle=(2, 3, 1, 2), circle=None, polygon=(), level=0.0, pixel_aspect=1.0)
    image = film([[9000, 100, 300, 9000], [9000, 200, 250, 9000], [9000] * 4], shutter=shutter, bits_stored=16)
    assert automatic_window(image).width == pytest.approx(
        np.percentile([100, 200, 250, 300], 99.5) - np.percentile([100, 200, 250, 300], 0.5)
    )
    picture = render(image)
    assert picture[:2, 1:3].min() == 0 and picture[:2, 1:3].max() == 255
    picture[:2, 1:3] = 0
    assert not picture.any()
    grey = dataclasses.replace(image, shutter=dataclasses.replace(shutter, level=0.5))
    assert render(grey)[2, 0] == 128
    colour = dataclasses.replace(grey, pixels=np.full((1, 3, 4, 3), 7, np.uint8), bits_stored=8)
    assert render(colour)[2, 0].tolist() == [128] * 3 and render(colour)[0, 1].tolist() == [7] * 3


def test_the_automatic_window_is_the_frames_own() -> None:
    image = film(frames := [[0, 10]])
    image = dataclasses.replace(image, pixels=np.array([frames, [[1000, 3000]]], np.uint16))
    assert render(image, 0).tolist() == [[0, 255]] and render(image, 1).tolist() == [[0, 255]]


@given(st.integers(0, 4095), st.booleans())
def test_a_film_of_one_value_or_of_padding_alone_still_has_a_picture(value: int, padded: bool) -> None:
    image = film(np.full((3, 3), value), padding=(value, value) if padded else None)
    assert automatic_window(image).width > 0
    assert len(set(render(image).ravel().tolist())) == 1


def test_the_default_window_is_the_files_first() -> None:
    windows = (Window(1.0, 2.0, name="FIRST"), Window(3.0, 4.0))
    assert default_window(film(windows=windows)) is windows[0]
    assert default_window(film([[100, 300]])) == automatic_window(film([[100, 300]]))


def test_colour_films_have_no_window() -> None:
    image = dataclasses.replace(film(), pixels=np.zeros((1, 2, 2, 3), np.uint8), bits_stored=8)
    for ask in (automatic_window, display_table):
        with pytest.raises(UnsupportedImageError, match="colour"):
            ask(image)


@pytest.mark.needs_data
def test_padding_of_a_real_film_is_black_and_does_not_flatten_it(shared_data: Path) -> None:
    image = read_image(shared_data / "dicom" / "derived" / "d07_pixel_padding.dcm")
    picture = render(image)
    border = image.pixels[0] == 0
    assert border.mean() > 0.05 and not picture[border].any()
    assert np.percentile(picture[~border], [1, 99]) == pytest.approx([0, 255], abs=8)


@pytest.mark.needs_data
def test_lungs_of_the_real_chest_film_are_dark(shared_data: Path) -> None:
    picture = render(read_image(shared_data / "dicom" / "real" / "RG1_J2KI.dcm"))
    rows, columns = picture.shape
    middle = picture[rows // 3 : rows // 2]
    lung, spine = middle[:, columns // 5 : columns * 2 // 5].mean(), middle[:, columns * 47 // 100 : columns * 53 // 100].mean()
    assert lung + 20 < spine
