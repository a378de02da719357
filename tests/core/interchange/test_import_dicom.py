"""Folders of DICOM films become films of a library, once each and without a name."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from egma_core.dicom.deidentify import Pseudonymiser
from egma_core.dicom.reader import read_image
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import EgmaError, InterchangeError
from egma_core.interchange.dicom import import_dicom
from egma_core.interchange.films import Refusal
from egma_core.interchange.keys import library_key
from egma_core.store.store import Store
from egma_core.store.values import ReportSentence

SECRETS = (
    "Почтальонов",
    "Фёкла",
    "FAKE-0042",
    "19500102",
    "FAKEACC1",
    "FAKE-ALT-9",
    "Invented Street",
    "555-0100",
    "Pochtalonova",
    "d13_fake",
)


@pytest.fixture
def library(tmp_path: Path):
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two patients, three studies, four films, one of them twice; other files between them."""
    root = tmp_path / "films"
    for place, patient, study, film in (
        ("a/1.dcm", "P1", "1.1", "1.1.1.1"),
        ("a/2", "P1", "1.1", "1.1.1.2"),
        ("b/3.dat", "P1", "1.2", "1.2.1.1"),
        ("c/4.dcm", "P2", "1.3", "1.3.1.1"),
        ("c/again.dcm", "P2", "1.3", "1.3.1.1"),
    ):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((6, 8), int(film.replace(".", "")) % 251, np.uint8)
        write_film(root / place, pixels, FilmTags(patient, study, f"{study}.1", film, view_position="PA"))
    (root / "readme.txt").write_text("not a film", encoding="utf-8")
    (root / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM")
    return root


def test_a_folder_is_searched_to_its_depths_by_content(library: Store, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = import_dicom(folder, library, progress=lambda done, total: seen.append((done, total)))
    assert (report.imported, report.already_there, report.refused, report.rows_without_film) == (4, 1, (), ())
    assert seen == [(n, 5) for n in range(1, 6)]
    studies = library.studies()
    assert [len(study.instances) for study in studies] == [2, 1, 1]
    assert [study.patient for study in studies] == [studies[0].patient] * 2 + [studies[2].patient]
    assert studies[0].patient != studies[2].patient


def test_copies_lie_in_the_library_under_their_own_uid(library: Store, folder: Path) -> None:
    import_dicom(folder, library)
    pseudonymiser = Pseudonymiser(library_key(library))
    film = library.instance(pseudonymiser.uid("1.2.1.1"))
    assert film.path == library.files / "films" / f"{film.instance_uid}.dcm"
    assert hashlib.sha256(film.path.read_bytes()).hexdigest() == film.sha256
    assert (film.rows, film.columns, film.frames, film.modality, film.view_position, film.origin) == (6, 8, 1, "CR", "PA", "dicom")
    assert np.array_equal(read_image(film.path).pixels, read_image(folder / "b" / "3.dat").pixels)
    assert read_image(film.path).instance_uid == film.instance_uid


def test_importing_again_adds_what_is_new_and_mends_what_is_lost(library: Store, folder: Path) -> None:
    import_dicom(folder, library)
    before = library.studies()
    assert (again := import_dicom(folder, library)).imported == 0 and again.already_there == 5
    assert library.studies() == before
    write_film(folder / "new.dcm", np.zeros((4, 4), np.uint8), FilmTags("P3", "1.4", "1.4.1", "1.4.1.1"))
    assert import_dicom(folder, library).imported == 1
    lost = before[0].instances[0].path
    content = lost.read_bytes()
    lost.unlink()
    assert import_dicom(folder, library).imported == 1
    assert lost.read_bytes() == content and library.studies()[:3] == before


def test_an_import_that_was_stopped_goes_on_where_it_was(library: Store, folder: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_dicom(folder, library, progress=stop)
    assert sum(len(study.instances) for study in library.studies()) == 2
    report = import_dicom(folder, library)
    assert (report.imported, report.already_there) == (2, 3)


def test_the_librarys_own_copies_are_not_imported(library: Store, folder: Path) -> None:
    import_dicom(folder, library)
    assert import_dicom(folder.parent, library).imported == 0
    assert sum(len(study.instances) for study in library.studies()) == 4


def test_phantoms_keep_their_origin(library: Store, folder: Path) -> None:
    import_dicom(folder / "c", library, origin="phantom")
    assert library.studies()[0].instances[0].origin == "phantom"


def test_labels_come_with_their_films_and_are_nobodys_words(library: Store, folder: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text(
        "file,finding,text,split\na/1.dcm,Mass|Effusion,There is a mass. There is an effusion.,test\n3,Mass,,\ngone.dcm,Mass,,\n",
        encoding="utf-8",
    )
    columns = {"image": "file", "labels": "finding", "sentences": "text"}
    report = import_dicom(folder, library, labels=labels, columns=columns)
    assert report.imported == 4 and report.rows_without_film == ("gone.dcm",)
    first, second, third = library.studies()
    assert (first.labels, first.split) == (("Effusion", "Mass"), "test")
    assert library.report(first.id) == (ReportSentence("There is a mass", "label"), ReportSentence("There is an effusion.", "label"))
    assert (second.labels, second.split, third.labels) == (("Mass",), "", ())


def test_labels_may_come_later(library: Store, folder: Path, tmp_path: Path) -> None:
    import_dicom(folder, library)
    labels = tmp_path / "labels.csv"
    labels.write_text("image,labels\n4.dcm,Mass\n", encoding="utf-8")
    report = import_dicom(folder, library, labels=labels)
    assert (report.imported, report.already_there) == (0, 5)
    assert [study.labels for study in library.studies()] == [(), (), ("Mass",)]


def test_a_study_under_two_patients_is_refused_and_leaves_no_copy(library: Store, folder: Path) -> None:
    (folder / "z").mkdir()
    write_film(folder / "z" / "9.dcm", np.zeros((4, 4), np.uint8), FilmTags("P9", "1.3", "1.3.1", "1.3.1.9"))
    report = import_dicom(folder, library)
    assert [refusal.file for refusal in report.refused] == ["z/9.dcm"] and "another patient" in report.refused[0].reason
    assert len(list((library.files / "films").iterdir())) == 4


def test_refusals_name_file_and_reason_and_do_not_stop_the_others(library: Store, folder: Path) -> None:
    content = (folder / "a" / "1.dcm").read_bytes()
    (folder / "a" / "1.dcm").write_bytes(content[:-20])
    (folder / "b" / "named.dcm").write_bytes(b"\x89PNG\r\n\x1a\n")
    report = import_dicom(folder, library)
    assert report.imported == 3
    assert [refusal.file for refusal in report.refused] == ["a/1.dcm", "b/named.dcm"]
    assert "28 of 48 bytes" in report.refused[0].reason and "PNG" in report.refused[1].reason


@pytest.mark.parametrize("place", ["gone", "empty"])
def test_a_folder_without_films_is_told(library: Store, tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InterchangeError, match="There is no"):
        import_dicom(tmp_path / place, library)


def test_a_disk_that_takes_no_copy_ends_the_import(library: Store, folder: Path) -> None:
    (library.files / "films").write_text("in the way", encoding="utf-8")
    with pytest.raises(InterchangeError, match="cannot be made"):
        import_dicom(folder, library)


def test_a_library_for_reading_takes_no_films(library: Store, folder: Path) -> None:
    import_dicom(folder / "c", library)
    with Store.open(library.location, read_only=True) as closed, pytest.raises(EgmaError):
        import_dicom(folder, closed)


@pytest.mark.needs_data
def test_real_and_broken_films_come_in_as_they_should(library: Store, shared_data: Path) -> None:
    report = import_dicom(shared_data / "dicom", library)
    assert report.imported + report.already_there + len(report.set_aside) == 40
    assert all("capture" in film.reason or "ultrasound" in film.reason for film in report.set_aside)
    broken = {
        "d10_truncated.dcm",
        "d17_empty.dcm",
        "d18_preamble_only.dcm",
        "d19_png_named_dcm.dcm",
        "meta_missing_tsyntax.dcm",
        "no_meta.dcm",
    }
    others = {"badVR.dcm", "liver_nonbyte_aligned.dcm", "test-SR.dcm"}
    assert {Path(refusal.file).name for refusal in report.refused} == broken | others
    assert all(isinstance(refusal, Refusal) and refusal.reason for refusal in report.refused)
    for study in library.studies():
        for film in study.instances:
            image = read_image(film.path)
            assert (image.rows, image.columns, image.frames) == (film.rows, film.columns, film.frames)


@pytest.mark.needs_data
def test_nothing_in_the_library_names_the_patient(shared_data: Path, tmp_path: Path) -> None:
    source = tmp_path / "films" / "Pochtalonova"
    source.mkdir(parents=True)
    shutil.copy(shared_data / "dicom" / "derived" / "d13_fake_identity.dcm", source / "d13_fake_Фёкла.dcm")
    (tmp_path / "library").mkdir()
    with Store.open(tmp_path / "library" / "l.sqlite", create=True) as store:
        assert import_dicom(source.parent, store).imported == 1
    written = [path for path in (tmp_path / "library").rglob("*") if path.is_file()]
    assert len(written) >= 2
    for path in written:
        content = path.read_bytes() + str(path.relative_to(tmp_path / "library")).encode()
        for secret in SECRETS:
            assert secret.encode() not in content, (path.name, secret)
