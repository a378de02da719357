"""`egma pacs` and `egma quarantine`: what a person types, and what is said back."""

from __future__ import annotations

import json
import socket
import threading
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from egma_app.cli.main import egma
from egma_core.dicom.pacs import access
from egma_core.dicom.pacs.connections import load_connections
from egma_core.dicom.pacs.values import RemoteInstance, RemoteStudy, StudyQuery
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.store.store import Store

STUDIES = (
    RemoteStudy("1.5", "ID-1", "A^B", "20240102", ("DX",), "Thorax", "X1", 2),
    RemoteStudy("1.6", "ID-1", "A^B", "20250102", ("CR",), "Thorax", "X2", 1),
)


def run(*arguments: object, expect: int = 0) -> Result:
    result = CliRunner().invoke(egma, [str(argument) for argument in arguments])
    assert result.exit_code == expect, result.output
    return result


class ToyPacs:
    """A PACS of two studies in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.sent = folder, list[StudyQuery](), list[Path]()

    def echo(self) -> None:
        pass

    def studies(self, query: StudyQuery) -> list[RemoteStudy]:
        self.asked.append(query)
        return list(STUDIES)

    def instances(self, study_uid: str) -> list[RemoteInstance]:
        return [RemoteInstance(study_uid, f"{study_uid}.1", f"{study_uid}.1.{n}", "") for n in range(2)]

    def fetch(self, wanted, folder: Path):
        for n, one in enumerate(wanted):
            path = folder / f"{n}.dcm"
            write_film(path, np.full((6, 8), n, np.uint8), FilmTags("ID-1", one.study_uid, one.series_uid, one.instance_uid))
            yield path

    def send(self, files, sent=None) -> None:
        self.sent += files


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ToyPacs:
    toy = ToyPacs(tmp_path)
    passwords: list[str] = []
    monkeypatch.setattr(access, "open_pacs", lambda _connection, password="": passwords.append(password) or toy)
    toy.passwords = passwords
    return toy


def test_connections_are_added_listed_and_removed() -> None:
    assert "No connection" in run("pacs", "list").output
    run("pacs", "add", "archive", "--dimse", "pacs.example.org:104", "--title", "ARCHIVE", "--listen-port", 11112)
    run("pacs", "add", "web", "--web", "https://pacs.example.org/dicom-web", "--user", "jo")
    listed = run("pacs", "list").output
    assert "ARCHIVE@pacs.example.org:104" in listed and "jo@https://pacs.example.org/dicom-web" in listed
    assert json.loads(run("pacs", "list", "--json").output)["archive"]["listen_port"] == 11112
    run("pacs", "remove", "web")
    assert list(load_connections()) == ["archive"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "a"),
        ("add", "a", "--dimse", "h:104", "--web", "http://h"),
        ("add", "a", "--dimse", "h"),
        ("add", "a", "--web", "h"),
        ("remove", "a"),
        ("echo", "a"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments: tuple[str, ...]) -> None:
    result = run("pacs", *arguments, expect=2)
    assert result.stderr.startswith("egma: ") and result.stderr.count("\n") == 1


def test_studies_are_found_newest_first(toy: ToyPacs) -> None:
    run("pacs", "add", "archive", "--dimse", "h:104")
    found = run("pacs", "find", "archive", "--patient-id", "ID-*", "--from", "2024-01-01", "--modality", "DX")
    assert found.stdout.index("1.6") < found.stdout.index("1.5") and "2 studies" in found.stderr
    assert toy.asked[0] == StudyQuery(patient_id="ID-*", modality="DX", first_day=date(2024, 1, 1), limit=100)
    assert set(json.loads(run("pacs", "find", "archive", "--json").stdout)) == {"1.5", "1.6"}
    assert "is no day" in run("pacs", "find", "archive", "--to", "yesterday", expect=2).stderr


def test_a_password_is_asked_for_or_taken_from_the_environment(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    run("pacs", "add", "web", "--web", "http://h/dicom-web", "--user", "jo")
    assert CliRunner().invoke(egma, ["pacs", "echo", "web"], input="secret\n").exit_code == 0
    monkeypatch.setenv("EGMA_PACS_PASSWORD", "other")
    run("pacs", "echo", "web")
    assert toy.passwords == ["secret", "other"]


def test_studies_come_into_a_library_and_files_go_out(toy: ToyPacs, tmp_path: Path) -> None:
    run("pacs", "add", "archive", "--dimse", "h:104")
    library = tmp_path / "library.sqlite"
    assert "4 films imported" in run("pacs", "get", "archive", "1.5", "1.6", "--store", library).output
    assert "0 films imported, 4 were there already" in run("pacs", "get", "archive", "1.5", "1.6", "--store", library).output
    with Store.open(library, read_only=True) as store:
        film = store.studies()[0].instances[0].path
    assert "1 files sent" in run("pacs", "send", "archive", film).output
    assert toy.sent == [film]


def test_what_is_sent_to_the_listener_is_imported(tmp_path: Path) -> None:
    """The program receives from itself: one connection listens, another sends under the title that the first expects."""
    pytest.importorskip("pynetdicom", reason="pynetdicom is not installed: pip install 'egma[pacs]'")
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    run("pacs", "add", "here", "--dimse", "127.0.0.1:9", "--title", "THERE", "--listen-port", port, "--listen-host", "127.0.0.1")
    run("pacs", "add", "there", "--dimse", f"127.0.0.1:{port}", "--title", "EGMA", "--own-title", "THERE")
    write_film(tmp_path / "film.dcm", np.zeros((6, 8), np.uint8), FilmTags("ID-1", "1.7", "1.7.1", "1.7.1.1"))
    told: list[int] = []

    def send() -> None:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                threading.Event().wait(0.05)
        connection = load_connections()["there"]
        access.open_pacs(connection).echo()
        access.open_pacs(connection).send([tmp_path / "film.dcm"], lambda done, _total: told.append(done))

    thread = threading.Thread(target=send)
    thread.start()
    result = run("pacs", "listen", "here", "--store", tmp_path / "library.sqlite", "--count", 1)
    thread.join()
    assert "1 films imported" in result.stdout and told == [1]
    assert "DICOMweb, which sends nothing" in _listening_by_web().stderr


def _listening_by_web() -> Result:
    run("pacs", "add", "web", "--web", "http://h/dicom-web")
    return run("pacs", "listen", "web", "--store", "unused.sqlite", expect=2)


def test_a_film_with_text_goes_through_the_quarantine(tmp_path: Path) -> None:
    import pydicom

    folder, library = tmp_path / "in", tmp_path / "library.sqlite"
    folder.mkdir()
    write_film(folder / "film.dcm", np.arange(48, dtype=np.uint8).reshape(6, 8), FilmTags("ID-1", "1.7", "1.7.1", "1.7.1.1"))
    dataset = pydicom.dcmread(folder / "film.dcm")
    dataset.BurnedInAnnotation = "YES"
    dataset.save_as(folder / "film.dcm")
    assert "egma quarantine list" in run("import", "dicom", folder / "film.dcm", "--store", library).stderr
    listed = run("quarantine", "list", "--store", library)
    uid = listed.stdout.split()[0]
    assert "burned into" in listed.stdout and "1 films wait" in listed.stderr
    assert "is no box" in run("quarantine", "release", uid, "--store", library, "--box", "1,2,3", expect=2).stderr
    run("quarantine", "release", uid, "--store", library, "--box", "0,0,8,2")
    assert "0 films wait" in run("quarantine", "list", "--store", library).stderr
    run("quarantine", "discard", uid, "--store", library, expect=2)
