"""Discs with an index, single files, and films that wait until somebody has looked at their pictures."""

from __future__ import annotations

import logging
import shutil
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.fileset import FileSet

from egma_core.dicom.burned_in import Box
from egma_core.dicom.deidentify import Pseudonymiser
from egma_core.dicom.dicomdir import is_dicomdir, listed_files
from egma_core.dicom.reader import read_image
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import ConfigError, InterchangeError
from egma_core.interchange.dicom import import_dicom
from egma_core.interchange.keys import library_key
from egma_core.interchange.quarantine import Quarantine
from egma_core.store.store import Store


@pytest.fixture
def library(tmp_path: Path):
    (tmp_path / "library").mkdir()
    with Store.open(tmp_path / "library" / "library.sqlite", create=True) as store:
        yield store


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A disc as a radiology department burns it, of three films, and a stray one that its index does not list."""
    films = tmp_path / "films"
    films.mkdir()
    index = FileSet()
    for n in range(3):
        write_film(films / f"{n}.dcm", np.full((6, 8), 10 + n, np.uint8), FilmTags("P1", "1.1", f"1.1.{1 + n % 2}", f"1.1.9.{n}"))
        dataset = pydicom.dcmread(films / f"{n}.dcm")
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20240229", "101112", "S1"
        dataset.SeriesNumber, dataset.InstanceNumber = 1 + n % 2, n
        index.add(dataset)
    root = tmp_path / "disc"
    index.write(root)
    index._stage["t"].cleanup()  # which it would leave to the garbage collector
    write_film(root / "stray.dcm", np.zeros((4, 4), np.uint8), FilmTags("P2", "1.2", "1.2.1", "1.2.1.1"))
    return root


def films_of(store: Store) -> int:
    return sum(len(study.instances) for study in store.studies())


def test_an_index_says_which_files_are_taken(library: Store, disc: Path) -> None:
    assert is_dicomdir(disc / "DICOMDIR") and len(listed_files(disc / "DICOMDIR")) == 3
    report = import_dicom(disc / "DICOMDIR", library)
    assert (report.imported, report.refused, films_of(library)) == (3, (), 3)


def test_an_index_is_told_by_its_content_and_finds_files_in_another_case(library: Store, disc: Path) -> None:
    for path in [path for path in disc.rglob("*") if path.is_file() and path.name not in ("DICOMDIR", "stray.dcm")]:
        target = disc / path.relative_to(disc).as_posix().lower()
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    (disc / "DICOMDIR").rename(disc / "index.bin")
    assert import_dicom(disc / "index.bin", library).imported == 3


def test_a_folder_is_searched_whatever_its_index_says(library: Store, disc: Path) -> None:
    assert import_dicom(disc, library).imported == 4


@pytest.mark.parametrize("harm", ["cut", "empty", "noise", "missing file", "leads out"])
def test_a_broken_index_is_passed_over_and_its_folder_searched(library: Store, disc: Path, harm: str) -> None:
    index = disc / "DICOMDIR"
    content = index.read_bytes()
    expected = 4
    if harm == "cut":
        index.write_bytes(content[:200])
    elif harm == "empty":
        index.write_bytes(b"")
    elif harm == "noise":
        index.write_bytes(np.random.default_rng(0).bytes(3000))
    elif harm == "missing file":
        listed_files(index)[0].unlink()
        expected = 3
    else:
        dataset = pydicom.dcmread(index)
        record = next(item for item in dataset.DirectoryRecordSequence if "ReferencedFileID" in item)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record.ReferencedFileID = ["..", "films", "0.dcm"]
            dataset.save_as(index)
    assert listed_files(index) == []
    assert import_dicom(index, library).imported == expected


def test_one_file_is_imported(library: Store, disc: Path) -> None:
    assert import_dicom(disc / "stray.dcm", library).imported == 1
    assert not is_dicomdir(disc / "stray.dcm")


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """A film that says that text is burned into it, one that does not, and their labels."""
    folder = tmp_path / "labelled"
    folder.mkdir()
    pixels = np.random.default_rng(3).integers(20, 200, (12, 16)).astype(np.uint8)
    for n in range(2):
        write_film(folder / f"{n}.dcm", pixels + n, FilmTags("P1", f"1.{n}", f"1.{n}.1", f"1.{n}.1.1"))
    dataset = pydicom.dcmread(folder / "0.dcm")
    dataset.BurnedInAnnotation = "YES"
    dataset.save_as(folder / "0.dcm")
    (folder / "labels.csv").write_text("image,labels,split\n0.dcm,Mass,test\n1.dcm,Effusion,\n", encoding="utf-8")
    return folder


def test_a_film_with_text_waits_and_comes_in_masked_with_its_labels(library: Store, labelled: Path, tmp_path: Path) -> None:
    report = import_dicom(labelled, library, labels=labelled / "labels.csv")
    assert report.imported == 1 and [film.file for film in report.set_aside] == ["0.dcm"] and report.refused == ()
    quarantine = Quarantine(library)
    (waiting,) = quarantine.films()
    uid = Pseudonymiser(library_key(library)).uid("1.0.1.1")
    assert waiting.instance_uid == uid and "burned into" in waiting.reason
    assert not waiting.path.is_relative_to(tmp_path / "library"), "it is not in the library"
    before = read_image(waiting.path).pixels[0]
    with pytest.raises(ConfigError, match="not on a film"):
        quarantine.release(uid, [Box(100, 100, 120, 120)])
    assert quarantine.holds(uid)
    quarantine.release(uid, [Box(0, 0, 16, 4)])
    assert quarantine.films() == () and not list(quarantine.folder.iterdir())
    film = library.instance(uid)
    after = read_image(film.path).pixels[0]
    assert len(np.unique(after[:4])) == 1 and np.array_equal(after[4:], before[4:])
    study = next(study for study in library.studies() if study.instances[0].instance_uid == uid)
    assert (study.labels, study.split) == (("Mass",), "test")
    assert import_dicom(labelled, library).already_there == 2


def test_a_film_that_waits_waits_once_and_can_be_let_go(library: Store, labelled: Path) -> None:
    import_dicom(labelled, library)
    assert len(import_dicom(labelled, library).set_aside) == 1
    quarantine = Quarantine(library)
    (waiting,) = quarantine.films()
    quarantine.discard(waiting.instance_uid)
    assert quarantine.films() == () and films_of(library) == 1
    with pytest.raises(InterchangeError, match="waits in the quarantine"):
        quarantine.release(waiting.instance_uid)


def test_whoever_imports_says_which_films_wait(library: Store, labelled: Path) -> None:
    dataset = pydicom.dcmread(labelled / "1.dcm")
    del dataset.BurnedInAnnotation
    dataset.save_as(labelled / "1.dcm")
    assert len(import_dicom(labelled, library, suspicion="unless_denied").set_aside) == 2


@pytest.mark.needs_data
def test_an_invented_identity_survives_nowhere(
    library: Store, shared_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in the library, nor in the quarantine, nor after its release, nor in what is logged."""
    caplog.set_level(logging.DEBUG)
    keys = tmp_path / "keys"
    monkeypatch.setenv("EGMA_KEYS", str(keys))
    source = tmp_path / "in" / "Pochtalonova"
    source.mkdir(parents=True)
    shutil.copy(shared_data / "dicom" / "derived" / "d13_fake_identity.dcm", source / "FAKE-0042.dcm")
    assert len(import_dicom(source, library, suspicion="unless_denied").set_aside) == 1

    secrets = ("Почтальонов", "Фёкла", "Ивановна", "FAKE-0042", "19500102", "FAKEACC1", "FAKE-ALT-9", "Invented Street", "555-0100")
    secrets += ("Pochtalonova", "Fictional Hospital", "Nemo", "FAKEVENDOR", "20200101", "PRIVATE-NAME")

    def survivors() -> list[tuple[str, str]]:
        files = [path for root in (tmp_path / "library", keys) for path in root.rglob("*") if path.is_file()]
        assert len(files) >= 3
        contents = [(path.name, path.read_bytes() + str(path.relative_to(tmp_path)).encode()) for path in files]
        contents.append(("log", "\n".join(r.getMessage() for r in caplog.records if not r.name.startswith("pydicom")).encode()))
        return [
            (name, secret)
            for name, content in contents
            for secret in secrets
            for e in ("utf-8", "utf-16-le")
            if secret.encode(e) in content
        ]

    assert survivors() == []
    quarantine = Quarantine(library)
    quarantine.release(quarantine.films()[0].instance_uid, [Box(0, 0, 30, 10)])
    assert films_of(library) == 1 and survivors() == []
