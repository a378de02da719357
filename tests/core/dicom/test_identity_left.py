"""Nothing of an identity is left in copies: checked against another de-identifier, with planted residues, and over time."""

from __future__ import annotations

import re
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from egma_core.dicom.deidentify import Pseudonymiser, deidentify_film, pseudonymous_header
from egma_core.dicom.reader import read_header
from egma_core.dicom.residue import basic_profile, identifiers_of
from egma_core.dicom.retained import CODE_STRINGS, LUT_SEQUENCES, NUMBERS, TABLES
from egma_core.errors import ImageError, PrivacyError

KEY = Pseudonymiser(b"0123456789abcdef0123456789abcdef")
PIXELS = np.arange(64, dtype=np.uint16).reshape(8, 8)


def elements(dataset: Dataset, place: tuple[object, ...] = ()) -> dict[tuple[object, ...], Any]:
    """Every element at any depth, by its place; values as text."""
    found: dict[tuple[object, ...], Any] = {}
    for element in dataset:
        here = (*place, element.tag)
        if element.VR == "SQ":
            for index, item in enumerate(element.value):
                found |= elements(item, (*here, index))
        else:
            found[here] = str(element.value)
    return found


@pytest.mark.needs_data
def test_what_another_deidentifier_removes_or_changes_is_not_in_our_copies(shared_data: Path, tmp_path: Path) -> None:
    """The other one is dicom-anonymizer, with the 2024b edition of the Basic Profile."""
    anonymizer = pytest.importorskip("dicomanonymizer", reason="dicom-anonymizer is not installed: pip install 'egma[dev]'")
    checked = 0
    for path in sorted((shared_data / "dicom" / "derived").glob("*.dcm")):
        try:
            read_header(path)
            copy = pydicom.dcmread(deidentify_film(path, tmp_path, KEY).path)
        except ImageError:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            original, theirs = pydicom.dcmread(path), pydicom.dcmread(path)
            anonymizer.anonymize_dataset(theirs, base_rules_gen=anonymizer.simpledicomanonymizer.initialize_actions_2024b)
            before, after, ours = elements(original), elements(theirs), elements(copy)
        for place, value in before.items():
            if after.get(place) != value and value:
                assert ours.get(place) != value, (path.name, place)
                checked += 1
    assert checked > 100


def test_the_allow_list_and_the_standards_table_do_not_meet_but_where_values_are_checked() -> None:
    table = basic_profile()
    assert len(table) > 600 and set(table.values()) <= {"D", "Z", "X", "U", "Z/D", "X/Z", "X/D", "X/Z/D", "X/Z/U*"}
    assert table["PatientName"] == "Z" and table["SOPInstanceUID"] == "U" and table["PatientComments"] == "X"
    assert not set(table) & {*NUMBERS, *TABLES, *LUT_SEQUENCES, *CODE_STRINGS}


def day(text: str) -> date:
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def test_dates_of_a_patient_move_together_and_no_date_stays(make_dicom, tmp_path: Path) -> None:
    def dates(name: str, **tags: str) -> list[date]:
        made = deidentify_film(make_dicom(PIXELS, name=name, **tags), tmp_path, KEY)
        copy = pydicom.dcmread(made.path)
        assert copy.LongitudinalTemporalInformationModified == "MODIFIED"
        assert [item.CodeValue for item in copy.DeidentificationMethodCodeSequence] == ["113100", "113107"]
        assert not copy.StudyTime and not copy.PatientBirthDate
        return [day(copy[keyword].value) for keyword in ("StudyDate", "AcquisitionDate")]

    first = dates("1.dcm", StudyDate="20240229", AcquisitionDate="20240301", PatientBirthDate="19500102", StudyTime="101112")
    second = dates("2.dcm", StudyDate="20250228", AcquisitionDate="20250228", SOPInstanceUID="1.2.9")
    assert (first[1] - first[0]).days == 1 and (second[0] - first[0]).days == 365
    other = dates("3.dcm", StudyDate="20240229", AcquisitionDate="20240301", PatientID="SECRET-2", SOPInstanceUID="1.2.8")
    assert other[0] != first[0] != date(2024, 2, 29)
    assert dates("1.dcm", StudyDate="20240229", AcquisitionDate="20240301") == first


@given(st.text(max_size=20))
def test_dates_move_one_to_eleven_years_into_the_past(patient: str) -> None:
    assert 366 <= KEY.days_back(patient) < 366 + 3652
    assert KEY.days_back(patient) == KEY.days_back(patient)


@pytest.mark.parametrize("date", ["2024.02.29", "20241301", "00010101", "SMIRNOV", "20240229-20240301", ""])
def test_what_is_no_date_is_left_out(make_dicom, tmp_path: Path, date: str) -> None:
    path = make_dicom(PIXELS, StudyDate="20240229")
    content = path.read_bytes()
    path.write_bytes(
        content.replace(
            b"DA\x08\x0020240229", b"DA" + len(date + " " * (len(date) % 2)).to_bytes(2, "little") + date.encode() + b" " * (len(date) % 2)
        )
    )
    copy = pydicom.dcmread(deidentify_film(path, tmp_path, KEY).path)
    assert copy.StudyDate == "" and copy.LongitudinalTemporalInformationModified == "REMOVED"


def test_a_name_anywhere_in_the_original_is_taken_out_of_code_strings(make_dicom, tmp_path: Path) -> None:
    nested = Dataset()
    nested.ScheduledPerformingPhysicianName = "KOVACS^PETER"
    outer = Dataset()
    outer.ScheduledProcedureStepSequence = [nested]
    path = make_dicom(PIXELS, RequestAttributesSequence=[outer], BodyPartExamined="KOVACS", Laterality="L")
    copy = pydicom.dcmread(deidentify_film(path, tmp_path, KEY).path)
    assert "BodyPartExamined" not in copy and copy.Laterality == "L"


def test_a_long_number_of_a_person_in_the_clothes_of_a_dose_is_refused(make_dicom, tmp_path: Path) -> None:
    with pytest.raises(PrivacyError, match="ExposureIndex"):
        deidentify_film(make_dicom(PIXELS, PatientID="4711471147", ExposureIndex="4711471147"), tmp_path, KEY)
    assert deidentify_film(make_dicom(PIXELS, PatientID="120", KVP="120"), tmp_path, KEY).header.rows == 8
    assert [path.name for path in tmp_path.glob("2.25*")] != []


def test_what_follows_the_pixels_of_a_plain_film_is_searched(make_dicom, tmp_path: Path) -> None:
    path = make_dicom(PIXELS, PatientName="PEREGRINE^ANNA")
    dataset = pydicom.dcmread(path)
    dataset.PixelData += b"Peregrine ."
    dataset.PixelData += b"\0" * (len(dataset.PixelData) % 2)
    dataset.save_as(path)
    with pytest.raises(PrivacyError, match="inside its pixel data"):
        deidentify_film(path, tmp_path, KEY)


def test_identifiers_are_gathered_at_any_depth_and_in_private_elements(make_dicom) -> None:
    nested = Dataset()
    nested.OperatorsName = "Nested^Name"
    nested.ReferencedSOPInstanceUID = "1.2.3.77"
    path = make_dicom(PIXELS, RequestAttributesSequence=[nested], PatientComments="comes on Fridays", StudyDate="20240229")
    dataset = pydicom.dcmread(path)
    dataset.private_block(0x0011, "MAKER", create=True).add_new(1, "LO", "private words")
    found = identifiers_of(dataset)
    assert {"Nested", "SECRET"} <= found.names
    assert {"1.2.3.77", "1.2.3.4.1"} <= found.uids and not any(uid.startswith("1.2.840.10008.") for uid in found.uids)
    assert {"private words", "comes on Fridays", "20240229"} <= found.texts


def test_header_and_copy_agree(make_dicom, tmp_path: Path) -> None:
    path = make_dicom(PIXELS, OperatorsName="LATERAL^X", ViewPosition="LATERAL", StudyDate="20240229")
    made = deidentify_film(path, tmp_path, KEY)
    assert made.header == pseudonymous_header(path, KEY) and made.header.view_position == ""
    assert re.search(rb"20240229|LATERAL", made.path.read_bytes()) is None
