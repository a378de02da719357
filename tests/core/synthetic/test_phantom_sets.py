"""Sets of phantoms, and what of them is written to disk."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

from egma_core.dicom.reader import read_header, read_image
from egma_core.errors import ConfigError
from egma_core.synthetic.findings import FINDINGS
from egma_core.synthetic.phantoms import COLUMNS, LABELS_FILE, instance_uid, patient_id, phantom_set, write_phantoms


def test_single_finding_sets_are_balanced_and_in_no_order() -> None:
    phantoms = phantom_set(83, 5000, single_finding=True)
    assert all(len(phantom.findings) == 1 for phantom in phantoms)
    names = [phantom.findings[0].name for phantom in phantoms]
    counts = Counter(names)
    assert set(counts) == set(FINDINGS)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert names[:8] != names[8:16]


def test_sets_of_different_seeds_share_no_patient() -> None:
    ids = [patient_id(phantom) for seed, n in ((0, 30), (30, 10), (40, 16)) for phantom in phantom_set(n, seed)]
    assert len(set(ids)) == len(ids)


def test_a_set_is_the_same_each_time() -> None:
    assert phantom_set(12, 7, single_finding=True) == phantom_set(12, 7, single_finding=True)


def test_written_films_read_back_as_they_were_drawn(tmp_path: Path) -> None:
    sets = {"train": phantom_set(2, 0), "test": phantom_set(1, 100, single_finding=True)}
    told: list[tuple[int, int]] = []
    phantoms = write_phantoms(tmp_path / "films", sets, progress=lambda done, total: told.append((done, total)))
    assert phantoms == (*sets["train"], *sets["test"])
    assert told == [(1, 3), (2, 3), (3, 3)]
    for phantom in phantoms:
        path = tmp_path / "films" / f"{patient_id(phantom)}.dcm"
        image = read_image(path)
        assert image.bits_stored == 12
        assert not image.inverted
        assert image.modality == "CR"
        assert image.view_position == "PA"
        assert np.array_equal(image.pixels[0], phantom.pixels())
        assert image.instance_uid == instance_uid(phantom)
        assert read_header(path).patient_id == patient_id(phantom)


def test_the_table_names_findings_and_split_but_not_where_they_lie(tmp_path: Path) -> None:
    sets = {"train": phantom_set(6, 0), "test": phantom_set(2, 100, single_finding=True)}
    phantoms = write_phantoms(tmp_path, sets)
    with (tmp_path / LABELS_FILE).open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    assert tuple(rows[0]) == COLUMNS
    assert [row["split"] for row in rows] == ["train"] * 6 + ["test"] * 2
    for row, phantom in zip(rows, phantoms, strict=True):
        assert row["image"] == f"{patient_id(phantom)}.dcm"
        assert row["patient_id"] == patient_id(phantom)
        assert tuple(filter(None, row["labels"].split("|"))) == phantom.labels
        assert row["sentences"] == ""


def test_nothing_but_the_picture_differs_between_findings(tmp_path: Path) -> None:
    """Apart from pixels, and what names the patient and the film, all files say the same."""
    phantoms = write_phantoms(tmp_path, {"test": phantom_set(8, 0, single_finding=True)})
    datasets = [pydicom.dcmread(tmp_path / f"{patient_id(phantom)}.dcm") for phantom in phantoms]
    for dataset in datasets:
        for keyword in ("PixelData", "PatientID", "PatientName", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            delattr(dataset, keyword)
    assert all(dataset == datasets[0] for dataset in datasets)
    assert len({path.stat().st_size // 100 for path in tmp_path.glob("*.dcm")}) == 1


def test_the_same_patient_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="same patient"):
        write_phantoms(tmp_path, {"train": phantom_set(3, 0), "test": phantom_set(3, 2, single_finding=True)})
    assert not list(tmp_path.iterdir())
