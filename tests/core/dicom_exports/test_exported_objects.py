"""What goes out as DICOM is read back by readers that had no part in writing it: pydicom alone, and DCMTK's tools."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset

pytest.importorskip("highdicom", reason="highdicom is not installed: pip install 'egma[dicom-out]'")

from egma_core.dicom.deidentify import Pseudonymiser, deidentify_film
from egma_core.dicom.exports.objects import Exported
from egma_core.dicom.exports.report import Score, write_report
from egma_core.dicom.exports.secondary_capture import write_secondary_capture
from egma_core.dicom.exports.segmentation import FilmMap, write_segmentation
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import PrivacyError, UnsupportedImageError

ROWS, COLUMNS = 40, 56
RESEARCH = "Research use only, not for diagnosis"


def dcmtk(tool: str, *arguments: object) -> str:
    """What a tool of DCMTK prints; skips where it is not installed."""
    program = shutil.which(tool)
    if program is None:
        pytest.skip(f"{tool} is not installed: apt-get install dcmtk")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, check=True)
    assert not re.search(rb"(?m)^[EF]: ", done.stderr), done.stderr
    return done.stdout.decode("utf-8")


@pytest.fixture(params=["said", "unsaid"])
def film(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A film that says how large its pixels are and which way is up, and one that doesn't."""
    path = tmp_path / "film.dcm"
    pixels = np.arange(ROWS * COLUMNS, dtype=np.uint16).reshape(ROWS, COLUMNS)
    spatial = {"pixel_spacing_mm": (0.2, 0.2), "patient_orientation": ("L", "F")} if request.param == "said" else {}
    write_film(path, pixels, FilmTags("P-AAAAAAAAAA", "2.25.1", "2.25.2", "2.25.3", bits_stored=12, view_position="PA", **spatial))
    return path


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (ROWS + 9, COLUMNS, 3), dtype=np.uint8)


def maps() -> list[FilmMap]:
    down, across = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    gaze = np.exp(-((down - 10) ** 2 + (across - 30) ** 2) / 50)
    cosine = (0.2 + 0.4 * across / COLUMNS).astype(np.float32)
    cosine[:, :4] = np.nan
    return [FilmMap("gaze", "There is a nodule.", gaze), FilmMap("similarity", "Pleural effusion", cosine, 0.2, 0.6)]


SCORES = [Score("pneumothorax", 3.25, 0.75), Score("no finding", -1.125, 0.25)]


def exported(folder: Path, film: Path, picture: np.ndarray) -> dict[str, Exported]:
    return {
        "overlay": write_secondary_capture(folder, film, picture, title="Overlay"),
        "maps": write_segmentation(folder, film, maps(), title="Maps"),
        "scores": write_report(folder, film, SCORES, model="abc123", title="Scores"),
    }


def items(dataset: Dataset) -> list[Dataset]:
    """A report's content items, depth first."""
    found: list[Dataset] = []
    for item in dataset.get("ContentSequence", []):
        found += [item, *items(item)]
    return found


def concept(item: Dataset) -> str:
    return item.ConceptNameCodeSequence[0].CodeMeaning if "ConceptNameCodeSequence" in item else ""


def test_every_object_belongs_to_the_films_study_and_says_what_it_may_be_used_for(film, picture, tmp_path: Path) -> None:
    source = pydicom.dcmread(film)
    uids: set[str] = set()
    for kind, made in exported(tmp_path, film, picture).items():
        dataset = pydicom.dcmread(made.path)
        for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate"):
            assert dataset[keyword].value == source[keyword].value
        assert dataset.SeriesInstanceUID != source.SeriesInstanceUID and dataset.SOPInstanceUID == made.instance_uid
        assert "research use only" in dataset.SeriesDescription
        assert RESEARCH in str(dataset) and dataset.PatientIdentityRemoved == "YES", kind
        assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()
        assert "2.25.3" in [element.value for element in dataset.iterall() if element.keyword == "ReferencedSOPInstanceUID"], (
            "it refers to its source"
        )
        uids |= {dataset.SeriesInstanceUID, dataset.SOPInstanceUID}
    assert len(uids) == 6


def test_the_same_contents_are_the_same_object(film, picture, tmp_path: Path) -> None:
    first, second = exported(tmp_path, film, picture), exported(tmp_path, film, picture)
    assert {kind: made.instance_uid for kind, made in first.items()} == {kind: made.instance_uid for kind, made in second.items()}
    assert len(list(tmp_path.glob("*-*.dcm"))) == 3
    assert write_secondary_capture(tmp_path, film, 255 - picture, title="Overlay").instance_uid != first["overlay"].instance_uid


def test_a_secondary_capture_is_the_picture(film, picture, tmp_path: Path) -> None:
    made = write_secondary_capture(tmp_path, film, picture, title="Overlay")
    dataset = pydicom.dcmread(made.path)
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7" and dataset.ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert np.array_equal(dataset.pixel_array, picture)
    (source,) = dataset.SourceImageSequence
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121322"
    assert (source.ReferencedSOPInstanceUID, source.ReferencedSOPClassUID) == ("2.25.3", pydicom.dcmread(film).SOPClassUID)


def test_dcmtk_shows_the_same_secondary_capture(film, picture, tmp_path: Path) -> None:
    made = write_secondary_capture(tmp_path, film, picture, title="Overlay")
    dcmtk("dcm2pnm", "--write-raw-pnm", made.path, tmp_path / "seen.ppm")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "seen.ppm")), picture)


def test_a_segmentation_holds_the_maps_on_the_films_grid(film, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_segmentation(tmp_path, film, maps(), title="Maps").path)
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.4"
    assert (dataset.SegmentationType, dataset.SegmentationFractionalType) == ("FRACTIONAL", "OCCUPANCY")
    assert dataset.MaximumFractionalValue == 255
    assert (dataset.Rows, dataset.Columns, dataset.NumberOfFrames) == (ROWS, COLUMNS, 2)
    gaze, cosine = dataset.pixel_array.astype(np.float64) / 255
    assert np.abs(gaze - maps()[0].values).max() <= 0.5 / 255 + 1e-6
    seen = np.isfinite(maps()[1].values)
    assert np.abs(0.2 + 0.4 * cosine - maps()[1].values)[seen].max() <= 0.4 * 0.5 / 255 + 1e-6
    assert not cosine[~seen].any()
    assert [segment.SegmentLabel for segment in dataset.SegmentSequence] == ["There is a nodule.", "Pleural effusion"]
    assert "0 stands for 0.2, 255 for 0.6" in dataset.SegmentSequence[1].SegmentDescription
    numbers = [frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber for frame in dataset.PerFrameFunctionalGroupsSequence]
    assert numbers == [1, 2]
    for frame in dataset.PerFrameFunctionalGroupsSequence:
        assert frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID == "2.25.3"


def test_dcmtk_decodes_the_same_segmentation(film, tmp_path: Path) -> None:
    made = write_segmentation(tmp_path, film, maps(), title="Maps")
    for frame in (1, 2):
        dcmtk("dcm2pnm", "--frame", frame, "--write-raw-pnm", made.path, tmp_path / "seen.pgm")
        assert np.array_equal(np.asarray(Image.open(tmp_path / "seen.pgm")), pydicom.dcmread(made.path).pixel_array[frame - 1])


def test_a_report_says_each_score_and_what_it_is_of(film, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(write_report(tmp_path, film, SCORES, model="abc123", title="Scores").path)
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33" and dataset.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert (dataset.CompletionFlag, dataset.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    groups = [item for item in items(dataset) if concept(item) == "Measurement Group"]
    for group, score in zip(groups, SCORES, strict=True):
        inside = items(group)
        numbers = {concept(item): float(item.MeasuredValueSequence[0].NumericValue) for item in inside if item.ValueType == "NUM"}
        assert list(numbers.values()) == [score.score, score.preference]
        assert any(concept(item) == "Tracking Identifier" and item.TextValue == score.finding for item in inside)
        assert any(item.ValueType == "CODE" and item.ConceptCodeSequence[0].CodeMeaning == RESEARCH for item in inside)
        (image,) = [item for item in inside if item.ValueType == "IMAGE"]
        assert image.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "2.25.3"


def test_dcmtk_reads_the_same_report(film, tmp_path: Path) -> None:
    said = dcmtk("dsrdump", write_report(tmp_path, film, SCORES, model="abc123", title="Scores").path)
    for part in ("pneumothorax", "no finding", "3.25", "-1.125", "abc123", RESEARCH):
        assert part in said, part


def test_a_film_with_a_name_is_not_exported_from(tmp_path: Path, film: Path, picture) -> None:
    dataset = pydicom.dcmread(film)
    dataset.PatientIdentityRemoved = "NO"
    dataset.save_as(film)
    for write in (
        lambda: write_secondary_capture(tmp_path, film, picture, title="t"),
        lambda: write_segmentation(tmp_path, film, maps(), title="t"),
        lambda: write_report(tmp_path, film, SCORES, model="m", title="t"),
    ):
        with pytest.raises(PrivacyError, match="who its patient is"):
            write()
    assert [path.name for path in tmp_path.iterdir()] == ["film.dcm"]


def test_what_does_not_fit_the_film_is_refused(film, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError):
        write_segmentation(tmp_path, film, [FilmMap("gaze", "x", np.zeros((ROWS, COLUMNS + 1)))], title="t")
    with pytest.raises(UnsupportedImageError):
        write_segmentation(tmp_path, film, [], title="t")
    with pytest.raises(UnsupportedImageError):
        write_report(tmp_path, film, [], model="m", title="t")
    with pytest.raises(UnsupportedImageError):
        write_secondary_capture(tmp_path, film, np.zeros((4, 4), np.uint8), title="t")


@pytest.mark.needs_data
def test_nothing_of_an_invented_identity_goes_out(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "dicom" / "derived" / "d13_fake_identity.dcm"
    copy = deidentify_film(source, tmp_path, Pseudonymiser(b"0123456789abcdef")).path
    rows, columns = pydicom.dcmread(copy).pixel_array.shape
    files = (
        write_secondary_capture(tmp_path, copy, np.zeros((rows, columns, 3), np.uint8), title="Overlay"),
        write_segmentation(tmp_path, copy, [FilmMap("gaze", "whole", np.ones((rows, columns)))], title="Maps"),
        write_report(tmp_path, copy, SCORES, model="m", title="Scores"),
    )
    secrets = ("Почтальонов", "Фёкла", "FAKE-0042", "19500102", "FAKEACC1", "FAKE-ALT-9", "Invented Street", "555-0100", "Pochtalonova")
    for made in files:
        content = made.path.read_bytes()
        assert not [secret for secret in (*secrets, "20200101", "Fictional Hospital", "Nemo") if secret.encode() in content]
        assert not [uid for uid in re.findall(rb"2\.25\.[0-9]+", source.read_bytes()) if uid in content]
