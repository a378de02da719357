"""Text in pictures: which films are looked at, and what a black box leaves of one."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.dicom.burned_in import Box, burned_in_reason, mask_film
from egma_core.dicom.deidentify import FilmCopy, Pseudonymiser, deidentify_film
from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image
from egma_core.errors import ConfigError, PrivacyError

KEY = Pseudonymiser(b"0123456789abcdef0123456789abcdef")
RNG = np.random.default_rng(5)
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


@pytest.mark.parametrize(
    ("tags", "set_aside"),
    [
        ({"BurnedInAnnotation": "YES"}, ("stated", "likely", "unless_denied")),
        ({"BurnedInAnnotation": "NO"}, ()),
        ({}, ("unless_denied",)),
        ({"SOPClassUID": CAPTURE}, ("likely", "unless_denied")),
        ({"SOPClassUID": f"{CAPTURE}.2"}, ("likely", "unless_denied")),
        ({"SOPClassUID": CAPTURE, "BurnedInAnnotation": "NO"}, ()),
        ({"Modality": "US"}, ("likely", "unless_denied")),
        ({"Modality": "US", "BurnedInAnnotation": "YES"}, ("stated", "likely", "unless_denied")),
    ],
)
def test_which_films_are_looked_at(make_dicom, tags: dict[str, str], set_aside: tuple[str, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns of the small letters
        path = make_dicom(np.zeros((4, 4), np.uint8), **tags)
    assert tuple(s for s in ("stated", "likely", "unless_denied") if burned_in_reason(path, s)) == set_aside


def masked(source: Path, tmp_path: Path, *boxes: Box) -> tuple[FilmCopy, FilmCopy]:
    waiting, library = tmp_path / "waiting", tmp_path / "films"
    waiting.mkdir(exist_ok=True)
    library.mkdir(exist_ok=True)
    copy = deidentify_film(source, waiting, KEY, burned_in=True)
    return copy, mask_film(copy.path, library, boxes)


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("dtype", "stored"), [(np.uint8, 8), (np.uint16, 12), (np.int16, 12)])
def test_boxes_are_black_and_the_rest_is_as_it_was(make_dicom, tmp_path: Path, photometric: str, dtype: type, stored: int) -> None:
    low = -(2 ** (stored - 1)) if np.dtype(dtype).kind == "i" else 0
    pixels = RNG.integers(low, low + 2**stored, (30, 40)).astype(dtype)
    source = make_dicom(pixels, PhotometricInterpretation=photometric, BitsStored=stored, HighBit=stored - 1, BurnedInAnnotation="YES")
    copy, made = masked(source, tmp_path, Box(5, 3, 15, 9), Box(-4, 28, 200, 99))
    before, after = render(read_image(copy.path)), render(read_image(made.path))
    boxes = np.zeros(pixels.shape, bool)
    boxes[3:9, 5:15] = boxes[28:30] = True
    assert not after[boxes].any()
    assert np.array_equal(read_image(made.path).pixels[0][~boxes], read_image(copy.path).pixels[0][~boxes])
    assert np.abs(before[~boxes].astype(int) - after[~boxes]).max() <= 2  # the automatic window moves by no more
    assert made.header == copy.header


def test_what_was_done_is_stated(make_dicom, tmp_path: Path) -> None:
    source = make_dicom(RNG.integers(0, 255, (8, 8)).astype(np.uint8), BurnedInAnnotation="YES", StudyDate="20240229")
    copy, made = masked(source, tmp_path, Box(0, 0, 4, 2))
    assert pydicom.dcmread(copy.path).BurnedInAnnotation == "YES"
    result = pydicom.dcmread(made.path)
    assert result.BurnedInAnnotation == "NO" and result.PatientIdentityRemoved == "YES"
    assert [(item.CodeValue, item.CodeMeaning) for item in result.DeidentificationMethodCodeSequence] == [
        ("113100", "Basic Application Confidentiality Profile"),
        ("113101", "Clean Pixel Data Option"),
        ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    ]


def test_a_film_that_was_looked_at_and_found_clean_keeps_its_pixels_to_the_last_bit(make_dicom, tmp_path: Path) -> None:
    source = make_dicom(RNG.integers(0, 255, (8, 8)).astype(np.uint8), BurnedInAnnotation="YES")
    copy, made = masked(source, tmp_path)
    assert pydicom.dcmread(made.path).PixelData == pydicom.dcmread(copy.path).PixelData
    assert pydicom.dcmread(made.path).BurnedInAnnotation == "NO"


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["d15_12bit_j2k_lossless.dcm", "d15_12bit_rle.dcm", "d16_two_frames.dcm", "d07_pixel_padding.dcm"])
def test_nothing_under_a_box_of_a_real_film_can_be_got_back(shared_data: Path, tmp_path: Path, name: str) -> None:
    copy, made = masked(shared_data / "dicom" / "derived" / name, tmp_path, Box(100, 50, 200, 90))
    before, after = read_image(copy.path), read_image(made.path)
    for frame in range(before.frames):
        assert len(np.unique(after.pixels[frame, 50:90, 100:200])) == 1 and not render(after, frame)[50:90, 100:200].any()
        same = np.ones(after.pixels.shape[1:], bool)
        same[50:90, 100:200] = False
        assert np.array_equal(before.pixels[frame][same], after.pixels[frame][same])
    assert pydicom.dcmread(made.path).file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.1"


def test_a_box_may_be_on_one_frame_alone(make_dicom, tmp_path: Path) -> None:
    pixels = RNG.integers(1, 255, (3, 8, 8)).astype(np.uint8)
    _, made = masked(make_dicom(pixels, BurnedInAnnotation="YES"), tmp_path, Box(0, 0, 8, 8, frame=1))
    after = read_image(made.path).pixels
    assert np.array_equal(after[[0, 2]], pixels[[0, 2]]) and len(np.unique(after[1])) == 1


def test_colour_films_are_masked_too(make_dicom, tmp_path: Path) -> None:
    pixels = RNG.integers(1, 255, (8, 8, 3)).astype(np.uint8)
    tags = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "Rows": 8,
        "Columns": 8,
        "NumberOfFrames": None,
    }
    path = make_dicom(pixels[:, :, 0], BurnedInAnnotation="YES")
    dataset = pydicom.dcmread(path)
    for keyword, value in tags.items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(path)
    _, made = masked(path, tmp_path, Box(2, 2, 4, 4))
    after = read_image(made.path).pixels[0]
    assert not after[2:4, 2:4].any()
    after[2:4, 2:4] = pixels[2:4, 2:4]
    assert np.array_equal(after, pixels)


@given(st.tuples(*[st.integers(-20, 20)] * 4))
def test_a_box_off_the_film_is_refused_and_any_other_blackens_something(tmp_path_factory, box: tuple[int, int, int, int]) -> None:
    from egma_core.dicom.writer import FilmTags, write_film

    folder = tmp_path_factory.mktemp("box")
    write_film(folder / "film.dcm", np.full((8, 10), 200, np.uint8), FilmTags("P", "2.25.1", "2.25.2", "2.25.3"))
    left, top, right, bottom = box
    inside = np.zeros((8, 10), bool)
    inside[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    if not inside.any():
        with pytest.raises(ConfigError):
            mask_film(folder / "film.dcm", folder, [Box(*box)])
    else:
        mask_film(folder / "film.dcm", folder, [Box(*box)])


def test_a_film_with_a_name_is_not_masked_into_a_library(make_dicom, tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="who its patient is"):
        mask_film(make_dicom(np.zeros((4, 4), np.uint8)), tmp_path, [Box(0, 0, 2, 2)])
