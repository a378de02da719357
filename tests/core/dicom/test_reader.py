"""Films are read whatever they are wrapped in, and what is no film is refused in words."""

from __future__ import annotations

import csv
import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from egma_core.dicom.display import render
from egma_core.dicom.reader import read_header, read_image
from egma_core.errors import DamagedImageError, EgmaError, ImageError, UnsupportedImageError

REFUSED = {
    "MR_truncated.dcm": (DamagedImageError, "8,130 of 8,192 bytes"),
    "badVR.dcm": (UnsupportedImageError, "32 bits per pixel"),
    "no_meta.dcm": (DamagedImageError, "not a DICOM file"),
    "liver_nonbyte_aligned.dcm": (UnsupportedImageError, "mask of 1 bit"),
    "test-SR.dcm": (UnsupportedImageError, "holds no picture: it is of the kind Comprehensive SR"),
    "meta_missing_tsyntax.dcm": (ImageError, "meta_missing_tsyntax.dcm"),
    "d10_truncated.dcm": (DamagedImageError, "cut off (287,944 of 524,288 bytes are there)"),
    "d17_empty.dcm": (DamagedImageError, "is empty"),
    "d18_preamble_only.dcm": (DamagedImageError, "holds nothing"),
    "d19_png_named_dcm.dcm": (DamagedImageError, "but a PNG picture"),
}
INVERTED = {"RG1_J2KI.dcm", "RG3_J2KR.dcm", "dx_image.dcm", "CR1_6154", "d01_mono1_12bit.dcm"}
COLOURED = {"OBXXXX1A_rle.dcm": (600, 800), "HTJ2KLossless_08_RGB.dcm": (480, 640)}
LOSSY_DIFFERS = {"1.2.276.0.7230010.3.1.4.8323329.6904.1517875201.850819.dcm", "JPGExtended.dcm"}
"""JPEG films: decoders may round differently, so their pixels are compared by range alone."""


def manifest(shared_data: Path, kind: str) -> list[tuple[Path, dict[str, str]]]:
    text = (shared_data / "dicom" / kind / "manifest.csv").read_text(encoding="utf-8")
    return [(shared_data / "dicom" / kind / row["file"], row) for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.needs_data
@pytest.mark.parametrize("kind", ["real", "derived"])
def test_every_film_opens_with_the_pixels_it_should_have(shared_data: Path, kind: str) -> None:
    opened = 0
    for path, row in manifest(shared_data, kind):
        if path.name in REFUSED or path.name in COLOURED:
            continue
        image = read_image(path)
        stored = image.pixels.astype(np.int32) - image.offset
        if path.name not in LOSSY_DIFFERS:
            as_stored = stored.astype(row["pydicom_pixels"].split(") ")[1].split()[0].lstrip(">"))
            assert hashlib.sha256(as_stored.tobytes()).hexdigest()[:16] == row["pixel_sha256"], path.name
        assert (image.rows, image.columns) == (int(row["Rows"]), int(row["Columns"]))
        assert image.frames == int(row["NumberOfFrames"] or 1)
        assert image.inverted == (path.name in INVERTED), path.name
        assert image.modality == row["Modality"]
        opened += 1
    assert opened >= 17


@pytest.mark.needs_data
def test_every_display_equals_its_truth(shared_data: Path) -> None:
    compared = 0
    for path, row in manifest(shared_data, "derived"):
        if row["truth"]:
            with Image.open(path.parent / row["truth"]) as picture:
                truth = np.asarray(picture).astype(int)
            assert np.abs(render(read_image(path)).astype(int) - truth).max() <= 2, path.name
            compared += 1
    assert compared == 16


@pytest.mark.needs_data
@pytest.mark.parametrize("kind", ["real", "derived"])
def test_what_is_no_film_is_refused_in_words(shared_data: Path, kind: str) -> None:
    for path, _ in manifest(shared_data, kind):
        if path.name in REFUSED:
            error, words = REFUSED[path.name]
            with pytest.raises(error) as refusal:
                read_image(path)
            assert words in str(refusal.value)
            assert refusal.value.remedy


@pytest.mark.needs_data
def test_colour_films_are_rgb(shared_data: Path) -> None:
    for name, shape in COLOURED.items():
        image = read_image(shared_data / "dicom" / "real" / name)
        assert image.is_colour and image.pixels.dtype == np.uint8
        assert image.pixels.shape == (1, *shape, 3) and render(image).shape == (*shape, 3)
        assert np.array_equal(render(image, invert=True), 255 - render(image))


@pytest.mark.needs_data
def test_headers_agree_with_images(shared_data: Path) -> None:
    for path, _ in [*manifest(shared_data, "real"), *manifest(shared_data, "derived")]:
        if path.name in REFUSED:
            continue
        header, image = read_header(path), read_image(path)
        same = ("study_uid", "series_uid", "instance_uid", "sop_class_uid", "modality", "view_position", "rows", "columns", "frames")
        assert [getattr(header, name) for name in same] == [getattr(image, name) for name in same]


@pytest.mark.needs_data
def test_a_header_needs_no_pixels(shared_data: Path) -> None:
    header = read_header(shared_data / "dicom" / "derived" / "d10_truncated.dcm")
    assert (header.patient_id, header.rows, header.columns) == ("TEST", 512, 512)


@pytest.mark.needs_data
def test_one_frame_equals_that_frame_of_all(shared_data: Path) -> None:
    for path in (
        shared_data / "dicom" / "derived" / "d16_two_frames.dcm",
        shared_data / "dicom" / "real" / "emri_small_jpeg_2k_lossless.dcm",
    ):
        all_frames, last = read_image(path), read_image(path, frame=1)
        assert last.frames == 1 and np.array_equal(last.pixels[0], all_frames.pixels[1])
        assert not np.array_equal(all_frames.pixels[0], all_frames.pixels[1])
        with pytest.raises(UnsupportedImageError, match=r"has no frame 100; it holds \d+ frames"):
            read_image(path, frame=99)


@pytest.mark.needs_data
def test_warnings_become_notes_without_quoting_the_file(shared_data: Path) -> None:
    with warnings.catch_warnings(record=True) as leaked:
        warnings.simplefilter("always")
        odd = read_image(shared_data / "dicom" / "derived" / "d11_wrong_transfer_syntax.dcm")
        bare = read_image(shared_data / "dicom" / "derived" / "d12_missing_tags.dcm")
    assert not leaked
    assert any("implicit VR" in note for note in odd.notes)
    assert bare.notes == ("The film has no instance UID.",)


def test_notes_do_not_repeat_values(make_dicom) -> None:
    path = make_dicom(np.zeros((4, 4), np.uint16), AccessionNumber="X")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"1.2.3.4.1\0", b"MUELLER.1\0"))
    image = read_image(path)
    assert image.notes and not any("MUELLER" in note for note in image.notes)


@pytest.mark.parametrize("tail", [b"\xff" * 8, b"\xff" * 37, b"\0" * 100, b"trailing words"])
def test_bytes_after_the_pixels_do_no_harm(make_dicom, tail: bytes) -> None:
    pixels = np.arange(64, dtype=np.uint16).reshape(8, 8)
    path = make_dicom(pixels)
    path.write_bytes(path.read_bytes() + tail)
    assert np.array_equal(read_image(path).pixels[0], pixels)


def test_a_value_that_ends_below_the_highest_bit_is_shifted_down(make_dicom) -> None:
    values = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    path = make_dicom(values << 4 | 0x000F, BitsStored=12, HighBit=15)
    assert np.array_equal(read_image(path).pixels[0], values)


def test_signed_values_below_sixteen_bits_keep_their_sign(make_dicom) -> None:
    values = np.arange(-2048, 2048, dtype=np.int16).reshape(64, 64)
    garbage = np.where(np.arange(4096).reshape(64, 64) % 2, 0x7000, 0).astype(np.uint16)
    path = make_dicom(values.view(np.uint16) & 0x0FFF | garbage, BitsStored=12, HighBit=11, PixelRepresentation=1)
    image = read_image(path)
    assert np.array_equal(image.pixels[0].astype(int) - image.offset, values)


def test_a_file_without_preamble_is_read_and_said_so(make_dicom) -> None:
    path = make_dicom(np.full((4, 4), 7, np.uint8))
    content = path.read_bytes()
    path.write_bytes(content[132:])
    assert read_image(path).notes == ("The file has no DICOM preamble.",)


@pytest.mark.parametrize(
    ("tags", "error", "words"),
    [
        ({"PhotometricInterpretation": "CMYK"}, UnsupportedImageError, "CMYK"),
        ({"PhotometricInterpretation": "RGB"}, DamagedImageError, "1 values per pixel do not make RGB"),
        ({"BitsStored": 17}, DamagedImageError, "17 bits do not fit"),
        ({"Rows": 0}, DamagedImageError, "no size"),
        ({"Rows": 9}, DamagedImageError, "128 of 144 bytes"),
        ({"PixelData": None}, DamagedImageError, "pixel data is missing"),
        ({"NumberOfFrames": "2000000"}, DamagedImageError, "cut off"),
        ({"NumberOfFrames": "2000000000"}, UnsupportedImageError, "GiB of memory"),
    ],
)
def test_contradictions_are_refused(make_dicom, tags: dict[str, object], error: type[EgmaError], words: str) -> None:
    with pytest.raises(error) as refusal:
        read_image(make_dicom(np.zeros((8, 8), np.uint16), **tags))
    assert words in str(refusal.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"There is no file gone\.dcm"):
        read_image(tmp_path / "gone.dcm")


@pytest.mark.needs_data
@pytest.mark.parametrize("name", ["d05_voi_lut_gamma.dcm", "d15_12bit_rle.dcm", "d15_12bit_j2k_lossless.dcm", "d15_12bit_jpegls.dcm"])
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), cut=st.booleans())
def test_broken_bytes_end_in_a_film_or_in_words(
    shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, seed: int, cut: bool
) -> None:
    random = np.random.default_rng(seed)
    content = bytearray((shared_data / "dicom" / "derived" / name).read_bytes())
    if cut:
        del content[int(random.integers(140, len(content))) :]
    for place in random.integers(0, min(len(content), 3000), 6):
        content[place] = random.integers(256)
    path = tmp_path / "broken.dcm"
    path.write_bytes(content)
    for read in (read_image, read_header):
        try:
            read(path)
        except ImageError as error:
            assert error.what.startswith(("broken.dcm", "The decoder")) and "Error" not in str(error)
    assert capfd.readouterr() == ("", "")
