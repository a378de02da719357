"""The key of a library's pseudonyms: made once, kept elsewhere, missed loudly."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import PrivacyError
from egma_core.interchange.dicom import import_dicom
from egma_core.interchange.keys import keys_folder, library_key
from egma_core.store.store import Store


@pytest.fixture
def library(tmp_path: Path):
    (tmp_path / "library").mkdir()
    with Store.open(tmp_path / "library" / "l.sqlite", create=True) as store:
        yield store


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.dcm"
    write_film(path, np.zeros((4, 4), np.uint8), FilmTags("P1", "1.2.1", "1.2.2", "1.2.3"))
    return path


def key_file(store: Store) -> Path:
    return keys_folder() / f"{store.library_id}.key"


def test_the_key_is_made_once_outside_the_library(library: Store, tmp_path: Path) -> None:
    key = library_key(library)
    assert len(key) == 32 and library_key(library) == key
    assert key_file(library).is_file() and (tmp_path / "library") not in key_file(library).parents
    assert not any(
        key in path.read_bytes() or key.hex().encode() in path.read_bytes() for path in (tmp_path / "library").rglob("*") if path.is_file()
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in lists, not in bits")
def test_only_its_owner_may_read_the_key(library: Store) -> None:
    library_key(library)
    assert stat.S_IMODE(key_file(library).stat().st_mode) == 0o600


def test_every_library_has_its_own_key(library: Store, tmp_path: Path) -> None:
    with Store.open(tmp_path / "other.sqlite", create=True) as other:
        assert library_key(other) != library_key(library)


def test_a_missing_key_is_made_anew_only_while_there_are_no_films(library: Store, film: Path) -> None:
    first = library_key(library)
    key_file(library).unlink()
    assert library_key(library) != first
    assert import_dicom(film, library).imported == 1
    key_file(library).unlink()
    with pytest.raises(PrivacyError, match="EGMA_KEYS"):
        library_key(library)
    with pytest.raises(PrivacyError, match="holds films"):
        import_dicom(film, library)
    assert not key_file(library).exists()


@pytest.mark.parametrize("content", [b"", b"00ff\n", b"no hexadecimal at all", b"\xff\xfe"])
def test_a_damaged_key_is_told(library: Store, content: bytes) -> None:
    library_key(library)
    key_file(library).write_bytes(content)
    with pytest.raises(PrivacyError, match=r"is damaged|cannot be read"):
        library_key(library)


def test_a_folder_that_cannot_be_made_is_told(library: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    monkeypatch.setenv("EGMA_KEYS", str(tmp_path / "file" / "keys"))
    with pytest.raises(PrivacyError, match="cannot be"):
        library_key(library)


def test_without_a_choice_keys_lie_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EGMA_KEYS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert keys_folder().parts[-2:] == ("egma", "keys")
