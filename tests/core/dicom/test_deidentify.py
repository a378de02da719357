"""Copies show the same film and name nobody."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from egma_core.dicom.deidentify import FilmCopy, Pseudonymiser, deidentify_film, pseudonymous_header
from egma_core.dicom.display import render
from egma_core.dicom.image import DicomImage, LookupTable
from egma_core.dicom.reader import read_header, read_image
from egma_core.dicom.retained import CODE_STRINGS, DATES, LUT_SEQUENCES, NUMBERS, TABLES
from egma_core.errors import ImageError, PrivacyError

SECRETS = (
    "Почтальонов",
    "Фёкла",
    "Ивановна",
    "FAKE-0042",
    "19500102",
    "FAKEACC1",
    "FAKE-ALT-9",
    "Invented Street",
    "555-0100",
    "Pochtalonova",
)
MORE_OF_IT = ("Fictional Hospital", "Nemo", "FAKEVENDOR", "20200101", "2.25.40316959402989803095261116685112077745841018594996155853716")
KEY = Pseudonymiser(b"0123456789abcdef0123456789abcdef")
PIXELS = np.arange(64, dtype=np.uint16).reshape(8, 8)
UIDS = {"study_uid", "series_uid", "instance_uid", "sop_class_uid", "notes"}

GROUPS = ("FrameVOILUTSequence", "PixelValueTransformationSequence", "PixelMeasuresSequence", "PlaneOrientationSequence")


def films(shared_data: Path) -> list[Path]:
    return [
        path
        for kind in ("real", "derived")
        for path in sorted((shared_data / "dicom" / kind).iterdir())
        if path.is_file() and path.suffix != ".csv"
    ]


def same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    if isinstance(one, LookupTable) and isinstance(other, LookupTable):
        return one.first == other.first and np.array_equal(one.values, other.values)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    return one == other


def differences(one: DicomImage, other: DicomImage) -> list[str]:
    names = [field.name for field in dataclasses.fields(DicomImage) if field.name not in {*UIDS, "overlays"}]
    return [name for name in names if not same(getattr(one, name), getattr(other, name))]


@pytest.fixture(scope="module")
def copies(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, DicomImage, FilmCopy]]:
    """Every film of the test data that opens, as it is shown, and its copy; the others are refused as the reader refuses them."""
    made: list[tuple[Path, DicomImage, FilmCopy]] = []
    for path in films(shared_data):
        folder = tmp_path_factory.mktemp("copies")  # one each: some of the films share their UIDs
        try:
            image = read_image(path)
        except ImageError as error:
            with pytest.raises(type(error)):
                deidentify_film(path, folder, KEY)
        else:
            made.append((path, image, deidentify_film(path, folder, KEY)))
    assert len(made) >= 35
    return made


@pytest.mark.needs_data
def test_copies_show_exactly_the_same_film(copies: list[tuple[Path, DicomImage, FilmCopy]]) -> None:
    for path, image, made in copies:
        copy = read_image(made.path)
        assert not differences(image, copy), path.name
        assert np.array_equal(render(image), render(copy))


@pytest.mark.needs_data
@pytest.mark.filterwarnings("ignore:Expected explicit VR")
def test_pixel_data_stays_as_it_was(copies: list[tuple[Path, DicomImage, FilmCopy]]) -> None:
    for path, _, made in copies:
        original, copy = pydicom.dcmread(path), pydicom.dcmread(made.path)
        assert copy.PixelData == original.PixelData + b"\0" * (len(original.PixelData) % 2), path.name
        assert copy.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID


@pytest.mark.needs_data
def test_copies_hold_what_the_list_allows_and_nothing_else(copies: list[tuple[Path, DicomImage, FilmCopy]]) -> None:
    added = {
        "PatientID",
        "PatientName",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPClassUID",
        "Modality",
        "ViewPosition",
    }
    added |= {
        "ImageType",
        "WindowCenterWidthExplanation",
        "PatientIdentityRemoved",
        "DeidentificationMethod",
        "LongitudinalTemporalInformationModified",
    }
    empty = {
        "PatientBirthDate",
        "PatientSex",
        "StudyTime",
        "StudyID",
        "AccessionNumber",
        "ReferringPhysicianName",
        "Manufacturer",
    }
    for _, _, made in copies:
        copy = pydicom.dcmread(made.path)
        for element in copy:
            keyword = element.keyword
            if keyword in empty:
                assert not element.value
            elif keyword in LUT_SEQUENCES:
                assert {inner.keyword for item in element.value for inner in item} <= {"LUTDescriptor", "LUTData"}
            elif keyword.endswith("FunctionalGroupsSequence"):
                groups = {inner.keyword: inner.value for item in element.value for inner in item}
                assert set(groups) <= set(GROUPS)
                assert {inner.keyword for value in groups.values() for item in value for inner in item} <= {*NUMBERS, "VOILUTFunction"}
            elif keyword in DATES:
                assert re.fullmatch(r"([0-9]{8})?", element.value)
            elif keyword == "DeidentificationMethodCodeSequence":
                dated = any(copy.get(name) for name in DATES)
                assert [item.CodeValue for item in element.value] == (["113100", "113107"] if dated else ["113100"])
            else:
                assert keyword in {*NUMBERS, *TABLES, *CODE_STRINGS, *added}, keyword
        assert copy.PatientIdentityRemoved == "YES" and copy.preamble == b"\0" * 128


@pytest.mark.needs_data
def test_not_one_string_of_the_identity_survives(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "dicom" / "derived" / "d13_fake_identity.dcm"
    made = deidentify_film(source, tmp_path, KEY)
    content, name = made.path.read_bytes(), made.path.name
    assert sum(secret.encode() in source.read_bytes() for secret in SECRETS) == len(SECRETS)
    for secret in (*SECRETS, *MORE_OF_IT):
        for encoding in ("utf-8", "utf-16-le", "iso8859-5" if not secret.isascii() else "latin-1"):
            assert secret.encode(encoding, "ignore") not in content, secret
        assert secret not in name and secret not in repr(made)
    assert made.header.patient_id == KEY.patient_id("FAKE-0042")
    assert hashlib.sha256(content).hexdigest() == made.sha256


def test_an_identity_in_the_clothes_of_allowed_elements_is_left_out(make_dicom, tmp_path: Path) -> None:
    path = make_dicom(
        PIXELS,
        PatientName="SMIRNOV^ANNA",
        BodyPartExamined="ANNA CHEST",
        ViewPosition="SMIRNOV",
        ImageType=["ORIGINAL", "PRIMARY", "SMIRNOV"],
        WindowCenter="20",
        WindowWidth="40",
        WindowCenterWidthExplanation="for Smirnov",
        KVP="120",
        Laterality="L",
    )
    content = path.read_bytes()
    path.write_bytes(content.replace(b"120 ", b"ANNA"))
    made = deidentify_film(path, tmp_path, KEY)
    copy = pydicom.dcmread(made.path)
    assert re.search(rb"(?i)smirnov|anna", made.path.read_bytes()) is None
    assert "KVP" not in copy and "BodyPartExamined" not in copy and "WindowCenterWidthExplanation" not in copy
    assert copy.ImageType == ["ORIGINAL", "PRIMARY"] and copy.Laterality == "L" and copy.WindowWidth == 40


def test_nested_private_and_overlay_elements_are_left_out(make_dicom, tmp_path: Path) -> None:
    nested = Dataset()
    nested.PatientName = "Hidden^Name"
    source = make_dicom(PIXELS, RequestAttributesSequence=[nested], PatientComments="hidden words")
    dataset = pydicom.dcmread(source)
    dataset.private_block(0x0011, "HIDDEN", create=True).add_new(1, "LO", "Hidden Private")
    for element, vr, value in (
        (0x10, "US", 8),
        (0x11, "US", 8),
        (0x40, "CS", "G"),
        (0x50, "SS", [1, 1]),
        (0x100, "US", 1),
        (0x102, "US", 0),
    ):
        dataset.add_new((0x6000, element), vr, value)
    dataset.add_new((0x6000, 0x3000), "OW", b"HIDDEN!!")
    dataset.save_as(source)
    copy = deidentify_film(source, tmp_path, KEY).path
    assert re.search(rb"(?i)hidden", copy.read_bytes()) is None
    assert not any(
        element.tag.is_private or element.tag.group >= 0x6000 for element in pydicom.dcmread(copy) if element.keyword != "PixelData"
    )


def test_burned_in_text_is_refused(make_dicom, tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="burned into its picture"):
        deidentify_film(make_dicom(PIXELS, BurnedInAnnotation="YES"), tmp_path, KEY)
    made = deidentify_film(make_dicom(PIXELS, BurnedInAnnotation="NO"), tmp_path, KEY)
    assert pydicom.dcmread(made.path).BurnedInAnnotation == "NO"


def test_an_overlay_in_the_unused_bits_is_refused(make_dicom, tmp_path: Path) -> None:
    source = make_dicom(PIXELS, BitsStored=12, HighBit=11)
    dataset = pydicom.dcmread(source)
    dataset.add_new((0x6000, 0x0100), "US", 16)
    dataset.add_new((0x6000, 0x0102), "US", 12)
    dataset.save_as(source)
    with pytest.raises(PrivacyError, match="unused bits"):
        deidentify_film(source, tmp_path, KEY)


@pytest.mark.needs_data
def test_a_name_inside_compressed_pixels_is_refused(shared_data: Path, tmp_path: Path) -> None:
    dataset = pydicom.dcmread(shared_data / "dicom" / "derived" / "d15_12bit_j2k_lossless.dcm")
    dataset.PatientName = "Pochtalonova^Fyokla"
    comment = b"for Pochtalonova"
    marker = b"\xff\x64" + (len(comment) + 4).to_bytes(2, "big") + b"\0\1" + comment
    stream = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    place = stream.index(b"\xff\x90")
    dataset.PixelData = pydicom.encaps.encapsulate([stream[:place] + marker + stream[place:]])
    dataset.save_as(tmp_path / "source.dcm")
    assert read_image(tmp_path / "source.dcm").rows == 512
    with pytest.raises(PrivacyError, match="inside its pixel data"):
        deidentify_film(tmp_path / "source.dcm", tmp_path, KEY)


def test_a_copy_is_the_same_every_time_and_replaces_itself(make_dicom, tmp_path: Path) -> None:
    source, folder = make_dicom(PIXELS), tmp_path / "films"
    folder.mkdir()
    first, second = deidentify_film(source, folder, KEY), deidentify_film(source, folder, KEY)
    assert first == second and first.header == pseudonymous_header(source, KEY) == read_header(first.path)
    assert [path.name for path in folder.iterdir()] == [f"{first.header.instance_uid}.dcm"]
    other = deidentify_film(source, folder, Pseudonymiser(b"another key of thirty-two bytes!"))
    assert not {first.header.patient_id, first.header.instance_uid} & {other.header.patient_id, other.header.instance_uid}


def test_films_of_a_study_stay_together(make_dicom, tmp_path: Path) -> None:
    first = pseudonymous_header(make_dicom(PIXELS, name="1.dcm"), KEY)
    second = pseudonymous_header(make_dicom(PIXELS, name="2.dcm", SOPInstanceUID="1.2.3.4.2"), KEY)
    assert (first.patient_id, first.study_uid, first.series_uid) == (second.patient_id, second.study_uid, second.series_uid)
    assert first.instance_uid != second.instance_uid


def test_films_without_identifiers_get_them_from_their_content(make_dicom) -> None:
    bare = dict.fromkeys(("PatientID", "StudyInstanceUID", "SeriesInstanceUID"))

    def header(name: str, pixels: np.ndarray) -> object:
        path = make_dicom(pixels, name=name, **bare)
        dataset = pydicom.dcmread(path)
        del dataset.SOPInstanceUID
        dataset.save_as(path, enforce_file_format=False)
        return pseudonymous_header(path, KEY)

    first, again, other = header("1.dcm", PIXELS), header("2.dcm", PIXELS), header("3.dcm", PIXELS + 1)
    assert first == again
    assert len({first.study_uid, first.series_uid, first.instance_uid, other.study_uid, other.series_uid, other.instance_uid}) == 6
    assert first.patient_id != other.patient_id


def test_patients_without_a_number_are_told_apart_by_name_and_birth_date(make_dicom) -> None:
    def patient(**tags: str) -> str:
        return pseudonymous_header(make_dicom(PIXELS, PatientID="", StudyInstanceUID=f"1.2.{len(tags)}", **tags), KEY).patient_id

    one = patient(PatientName="A^B", PatientBirthDate="19500101")
    assert one == patient(PatientName="A^B", PatientBirthDate="19500101", AccessionNumber="7")
    assert one != patient(PatientName="A^B", PatientBirthDate="19600101")


def test_a_sop_class_that_nobody_knows_is_not_repeated(make_dicom, tmp_path: Path) -> None:
    source = make_dicom(PIXELS, SOPClassUID="1.2.840.10008.19500102")
    copy = deidentify_film(source, tmp_path, KEY)
    assert copy.header.sop_class_uid == "1.2.840.10008.5.1.4.1.1.7"


@given(st.text(max_size=40), st.text(max_size=40))
def test_pseudonyms_are_well_formed_and_keep_kinds_apart(one: str, other: str) -> None:
    assert re.fullmatch(r"P-[A-Z2-7]{10}", KEY.patient_id(one)) and re.fullmatch(r"N-[A-Z2-7]{10}", KEY.name(one))
    uid = KEY.uid(one)
    assert re.fullmatch(r"2\.25\.[1-9][0-9]*", uid) and len(uid) <= 64
    assert KEY.patient_id(one)[2:] != KEY.name(one)[2:]
    assert (KEY.uid(one) == KEY.uid(other)) == (one.strip() == other.strip())


def test_a_short_key_protects_nothing() -> None:
    with pytest.raises(PrivacyError, match="too short"):
        Pseudonymiser(b"short")
