"""Studies travel between a PACS and a library: searched, fetched in three ways, broken off, gone on with, sent back."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import logging
import socket
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import pydicom
import pytest

from egma_core.dicom.deidentify import Pseudonymiser
from egma_core.dicom.pacs.access import open_pacs
from egma_core.dicom.pacs.connections import Connection, DimseConnection, WebConnection
from egma_core.dicom.pacs.values import Pacs, RemoteStudy, StudyQuery
from egma_core.errors import ConfigError, InterchangeError, PacsError
from egma_core.interchange.films import ImportReport
from egma_core.interchange.keys import library_key
from egma_core.interchange.pacs import fetch_studies, receive_films
from egma_core.store.store import Store

WriteStudy = Callable[..., list[Path]]


def wait_until_open(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            threading.Event().wait(0.05)
        else:
            return


WAYS = ("orthanc get", "orthanc move", "orthanc web", "qrscp get", "qrscp move")
SEARCHES = ("orthanc get", "orthanc web", "qrscp get")
STOPS = ("orthanc get", "orthanc web", "qrscp move")
_uids = (f"1.2.826.0.1.3680043.8.498.71.{n}" for n in itertools.count(1))


@pytest.fixture(params=WAYS)
def connection(request: pytest.FixtureRequest) -> Connection:
    server, way = request.param.split()
    return getattr(request.getfixturevalue(server), way)


@pytest.fixture
def pacs(connection: Connection) -> Pacs:
    return open_pacs(connection)


@pytest.fixture
def uid() -> str:
    return next(_uids)


def test_a_pacs_answers(pacs: Pacs) -> None:
    pacs.echo()


@pytest.mark.parametrize("connection", SEARCHES, indirect=True)
def test_a_study_is_found_by_what_is_known_of_it(pacs: Pacs, study: WriteStudy, uid: str) -> None:
    paths = study(uid, patient=f"FIND-{uid[-3:]}")
    dataset = pydicom.dcmread(paths[0])
    names = {"PatientName": "Müller^Änne", "SpecificCharacterSet": "ISO_IR 192", "StudyDate": "20240229", "StudyDescription": "Thorax"}
    for path in paths:
        dataset = pydicom.dcmread(path)
        for keyword, value in (names | {"AccessionNumber": f"A{uid[-3:]}"}).items():
            setattr(dataset, keyword, value)
        dataset.save_as(path)
    pacs.send(paths)
    found = pacs.studies(StudyQuery(patient_id=f"FIND-{uid[-3:]}"))
    assert [one.study_uid for one in found] == [uid]
    one = found[0]
    assert (one.patient_id, one.study_date, one.accession) == (f"FIND-{uid[-3:]}", "20240229", f"A{uid[-3:]}")
    assert one.patient_name == "Müller^Änne"
    day = date(2024, 2, 29)
    for query in (
        StudyQuery(study_uid=uid),
        StudyQuery(accession=f"A{uid[-3:]}"),
        StudyQuery(patient_id=f"FIND-{uid[-3:]}", first_day=day, last_day=day),
        StudyQuery(patient_id="FIND-*", first_day=day, accession=f"A{uid[-3:]}"),
    ):
        assert [answer.study_uid for answer in pacs.studies(query)] == [uid], query
    assert pacs.studies(StudyQuery(study_uid=uid, last_day=date(2024, 2, 28))) == []
    listed = pacs.instances(uid)
    assert {(item.study_uid, item.instance_uid) for item in listed} == {(uid, f"{uid}.9.{index}") for index in range(4)}
    assert {item.series_uid for item in listed} == {f"{uid}.1", f"{uid}.2"}


def test_names_beyond_ascii_are_searched(qrscp, study: WriteStudy, uid: str) -> None:
    paths = study(uid, 1)
    dataset = pydicom.dcmread(paths[0])
    dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 192", "Łukasiewicz^Jan"
    dataset.save_as(paths[0])
    pacs = open_pacs(qrscp.get)
    pacs.send(paths)
    assert [found.study_uid for found in pacs.studies(StudyQuery(patient_name="Łukasiewicz*"))] == [uid]
    assert pacs.studies(StudyQuery(patient_name="Łukaszewicz*")) == []


@pytest.mark.parametrize("connection", SEARCHES, indirect=True)
def test_the_limit_of_a_search_holds_and_leaves_the_connection_usable(pacs: Pacs, study: WriteStudy) -> None:
    uids = [next(_uids) for _ in range(3)]
    for one in uids:
        pacs.send(study(one, 1, patient="LIMIT"))
    assert len(pacs.studies(StudyQuery(patient_id="LIMIT", limit=2))) == 2
    assert set(uids) <= {found.study_uid for found in pacs.studies(StudyQuery(patient_id="LIMIT"))}


def test_a_study_becomes_films_of_the_library_without_its_patient(pacs: Pacs, library: Store, study: WriteStudy, uid: str) -> None:
    pacs.send(study(uid))
    seen: list[tuple[int, int]] = []
    report = fetch_studies(pacs, [uid], library, progress=lambda done, total: seen.append((done, total)))
    assert report == ImportReport(4, 0, ())
    assert seen == [(n, 4) for n in range(1, 5)]
    pseudonymiser = Pseudonymiser(library_key(library))
    (kept,) = library.studies()
    assert (kept.study_uid, kept.patient) == (pseudonymiser.uid(uid), pseudonymiser.patient_id("FAKE-7788"))
    assert {film.instance_uid for film in kept.instances} == {pseudonymiser.uid(f"{uid}.9.{index}") for index in range(4)}


@pytest.mark.parametrize("connection", STOPS, indirect=True)
def test_a_stopped_transfer_goes_on_where_it_was(pacs: Pacs, library: Store, study: WriteStudy, uid: str) -> None:
    pacs.send(study(uid, 4))
    done: list[int] = []
    first = fetch_studies(pacs, [uid], library, progress=lambda count, _total: done.append(count), should_stop=lambda: len(done) == 2)
    assert (first.imported, first.already_there, first.refused) == (2, 0, ())
    asked: list[int] = []

    class Counting:
        echo, studies, instances, send = pacs.echo, pacs.studies, pacs.instances, pacs.send

        def fetch(self, wanted, folder):
            asked.append(len(wanted))
            return pacs.fetch(wanted, folder)

    second = fetch_studies(Counting(), [uid], library)
    assert (second.imported, second.already_there, second.refused) == (2, 2, ())
    assert asked == [2]
    assert fetch_studies(pacs, [uid], library) == ImportReport(0, 4, ())


@pytest.mark.parametrize("connection", STOPS, indirect=True)
def test_nothing_stays_behind_when_a_transfer_is_stopped(pacs: Pacs, study: WriteStudy, uid: str, tmp_path: Path) -> None:
    pacs.send(study(uid, 3))
    threads = set(threading.enumerate())
    folder = tmp_path / "arriving"
    folder.mkdir()
    with closing(pacs.fetch(pacs.instances(uid), folder)) as arriving:
        next(arriving)
    for thread in set(threading.enumerate()) - threads:
        thread.join(20)
    assert set(threading.enumerate()) <= threads
    pacs.echo()


@pytest.mark.needs_data
def test_compressed_films_stay_as_they_are(pacs: Pacs, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "dicom" / "derived" / "d15_12bit_j2k_lossless.dcm"
    original = pydicom.dcmread(source)
    pacs.send([source])
    (path,) = list(pacs.fetch(pacs.instances(original.StudyInstanceUID), tmp_path))
    arrived = pydicom.dcmread(path)
    assert arrived.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
    assert arrived.PixelData == original.PixelData


@pytest.mark.parametrize("connection", STOPS, indirect=True)
@pytest.mark.needs_data
def test_an_invented_identity_stays_in_the_pacs(
    pacs: Pacs, library: Store, shared_data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source = shared_data / "dicom" / "derived" / "d13_fake_identity.dcm"
    original = pydicom.dcmread(source)
    pacs.send([source])
    assert fetch_studies(pacs, [original.StudyInstanceUID], library).imported == 1
    secrets = ("Почтальонов", "Фёкла", "FAKE-0042", "19500102", "FAKEACC1", "FAKE-ALT-9", "Invented Street", "555-0100", "Pochtalonova")
    written = [path for path in (tmp_path / "library").rglob("*") if path.is_file()]
    assert len(written) >= 2
    for path in written:
        content = path.read_bytes() + path.name.encode()
        for secret in secrets:
            assert secret.encode() not in content, (path.name, secret)
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("egma"))
    assert not any(secret in ours for secret in secrets)


@pytest.mark.parametrize("connection", SEARCHES, indirect=True)
def test_a_study_that_is_not_there_is_told(pacs: Pacs, library: Store) -> None:
    with pytest.raises(InterchangeError, match="no study"):
        fetch_studies(pacs, ["1.2.3.4.5.6.7"], library)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # pynetdicom forgets to close a socket that never connected
def test_a_pacs_that_is_not_there_is_told(library: Store) -> None:
    for connection in (DimseConnection("gone", "127.0.0.1", 9, "GONE"), WebConnection("gone", "http://127.0.0.1:9/dicom-web")):
        with pytest.raises(PacsError, match="cannot be reached"):
            open_pacs(connection).echo()


def test_a_pacs_that_does_not_know_us_is_told(orthanc, library: Store) -> None:
    stranger = dataclasses.replace(orthanc.get, title="OTHER")
    with pytest.raises(PacsError, match="does not accept us"):
        open_pacs(stranger).echo()
    wrong = dataclasses.replace(orthanc.web, url=orthanc.web.url.replace("dicom-web", "nothing"))
    with pytest.raises(PacsError, match="404"):
        open_pacs(wrong).echo()


def test_a_move_to_where_nobody_is_known_is_told(orthanc, library: Store, study: WriteStudy, uid: str) -> None:
    open_pacs(orthanc.get).send(study(uid, 1))
    with pytest.raises(PacsError):
        fetch_studies(open_pacs(dataclasses.replace(orthanc.move, own_title="NOBODY")), [uid], library)
    assert library.studies() == []


def sending(connection: DimseConnection, paths: list[Path], sent: Callable[[int, int], None], until: threading.Event) -> threading.Thread:
    """Send films from another thread as soon as somebody listens; what went wrong is told in `sent`'s stead."""

    def send() -> None:
        try:
            wait_until_open(connection.port)
            open_pacs(connection).send(paths, sent)
        except PacsError:
            sent(-1, -1)
        finally:
            until.set()

    thread = threading.Thread(target=send)
    thread.start()
    return thread


def test_films_that_a_pacs_sends_by_itself_are_imported_before_it_is_answered(qrscp, library: Store, study: WriteStudy, uid: str) -> None:
    """The sender here is our own C-STORE, under the PACS's title."""
    until = threading.Event()
    answered: list[int] = []
    sender = DimseConnection("sender", "127.0.0.1", qrscp.move.listen_port, qrscp.move.own_title, own_title=qrscp.move.title)
    thread = sending(sender, study(uid, 3), lambda done, _total: answered.append(done), until)
    ahead: list[int] = []
    report = receive_films(qrscp.move, library, until=until, arrived=lambda so_far: ahead.append(so_far.imported - len(answered)))
    thread.join()
    assert report.imported == 3 and answered == [1, 2, 3]
    assert ahead == [1, 1, 1]  # each film was in the library while its sender still waited


def test_strangers_are_turned_away(qrscp, library: Store, study: WriteStudy, uid: str) -> None:
    until = threading.Event()
    stranger = DimseConnection("stranger", "127.0.0.1", qrscp.move.listen_port, qrscp.move.own_title, own_title="STRANGER")
    answered: list[int] = []
    thread = sending(stranger, study(uid, 1), lambda done, _total: answered.append(done), until)
    report = receive_films(qrscp.move, library, until=until)
    thread.join()
    assert report.imported == 0 and answered == [-1]


def test_a_port_that_is_taken_is_told(qrscp, library: Store) -> None:
    taken = dataclasses.replace(qrscp.move, listen_port=qrscp.get.port)
    with pytest.raises(PacsError, match="cannot be listened at"):
        receive_films(taken, library, until=threading.Event())
    with pytest.raises(ConfigError, match="no port to listen"):
        receive_films(qrscp.get, library, until=threading.Event())


def test_an_answer_with_odd_values_is_read() -> None:
    answer = pydicom.Dataset()
    answer.add_new("StudyInstanceUID", "UI", "1.2")
    answer.add_new("NumberOfStudyRelatedInstances", "IS", "")
    assert RemoteStudy.of(answer) == RemoteStudy("1.2", "", "", "", (), "", "", 0)


def test_what_arrives_is_what_was_sent_to_the_last_bit_by_dicomweb(orthanc, study: WriteStudy, uid: str, tmp_path: Path) -> None:
    paths = study(uid, 1)
    pacs = open_pacs(orthanc.web)
    pacs.send(paths)
    (arrived,) = list(pacs.fetch(pacs.instances(uid), tmp_path))
    assert pydicom.dcmread(arrived).PixelData == pydicom.dcmread(paths[0]).PixelData
    (again,) = list(open_pacs(orthanc.get).fetch(pacs.instances(uid), tmp_path))
    assert hashlib.sha256(pydicom.dcmread(again).PixelData).digest() == hashlib.sha256(pydicom.dcmread(arrived).PixelData).digest()
