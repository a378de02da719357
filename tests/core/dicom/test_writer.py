"""Films we write are read back as what they were, by us and by others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from egma_core.dicom.image import Window
from egma_core.dicom.reader import read_image
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import InterchangeError, UnsupportedImageError

TAGS = FilmTags("P-TEST", "2.25.1", "2.25.2", "2.25.3")


@given(pixels=arrays(st.sampled_from([np.uint8, np.uint16]), st.tuples(st.integers(1, 9), st.integers(1, 9))))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pixels_come_back(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "film.dcm"
    digest = write_film(path, pixels, TAGS)
    image = read_image(path)
    assert np.array_equal(image.pixels[0], pixels) and not image.notes
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest() == write_film(path, pixels, TAGS)


def test_tags_come_back(tmp_path: Path) -> None:
    tags = FilmTags(
        patient_id="phantom-7",
        study_uid="2.25.11",
        series_uid="2.25.12",
        instance_uid="2.25.13",
        modality="CR",
        bits_stored=12,
        window=Window(2047.5, 4000 / 3, "LINEAR_EXACT"),
        pixel_spacing_mm=(0.7, 1 / 3),
        view_position="PA",
        patient_orientation=("L", "F"),
    )
    write_film(tmp_path / "film.dcm", np.full((6, 5), 4095, np.uint16), tags)
    image = read_image(tmp_path / "film.dcm")
    assert (image.bits_stored, image.modality, image.view_position, image.patient_orientation) == (12, "CR", "PA", ("L", "F"))
    assert (image.study_uid, image.series_uid, image.instance_uid) == ("2.25.11", "2.25.12", "2.25.13")
    assert image.windows[0].function == "LINEAR_EXACT" and image.windows[0].width == pytest.approx(4000 / 3, rel=1e-9)
    assert image.pixel_spacing_mm == pytest.approx((0.7, 1 / 3)) and image.spacing_source == "detector"
    dataset = pydicom.dcmread(tmp_path / "film.dcm")
    assert dataset.PatientID == "phantom-7" and dataset.PatientIdentityRemoved == "YES"


@pytest.mark.parametrize(
    ("modality", "kind"),
    [("CR", "Computed Radiography"), ("DX", "Digital X-Ray Image Storage - For Presentation"), ("OT", "Secondary Capture")],
)
def test_the_sop_class_follows_the_modality(tmp_path: Path, modality: str, kind: str) -> None:
    write_film(tmp_path / "film.dcm", np.zeros((2, 2), np.uint8), FilmTags("P", "2.25.1", "2.25.2", "2.25.3", modality=modality))
    assert pydicom.dcmread(tmp_path / "film.dcm").SOPClassUID.name.startswith(kind)


@pytest.mark.parametrize(
    ("pixels", "bits"),
    [
        (np.zeros((2, 2), np.float32), None),
        (np.zeros((2, 2, 3), np.uint8), None),
        (np.zeros((0, 2), np.uint8), None),
        (np.full((2, 2), 4096, np.uint16), 12),
        (np.zeros((2, 2), np.uint8), 12),
    ],
)
def test_what_is_no_film_is_not_written(tmp_path: Path, pixels: np.ndarray, bits: int | None) -> None:
    with pytest.raises(UnsupportedImageError):
        write_film(tmp_path / "film.dcm", pixels, FilmTags("P", "2.25.1", "2.25.2", "2.25.3", bits_stored=bits))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(InterchangeError, match="cannot be written"):
        write_film(tmp_path / "gone" / "film.dcm", np.zeros((2, 2), np.uint8), TAGS)
    write_film(tmp_path / "film.dcm", np.zeros((2, 2), np.uint8), TAGS)
    assert [path.name for path in tmp_path.iterdir()] == ["film.dcm"]
