"""Libraries to test on: an SQLite file always, a PostgreSQL server where its programs are installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.store.store import Store
from egma_core.store.tables import metadata
from egma_core.store.values import CaptureSessionRecord, FilmRecord
from egma_core.trackers.tracker import TrackerDescription

UTC = datetime(2026, 3, 1, 9, 30, 0, 123456, tzinfo=timezone.utc)
SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
STARTED = 10**15


@pytest.fixture(scope="session")
def empty_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed library with nothing in it, to be copied."""
    path = tmp_path_factory.mktemp("template") / "library.sqlite"
    Store.open(path, create=True).close()
    return path


@pytest.fixture
def library_path(empty_library: Path, tmp_path: Path) -> Path:
    """A library of the test's own."""
    return Path(shutil.copy(empty_library, tmp_path / "library.sqlite"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a library on a running server."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("no PostgreSQL server is installed under /usr/lib/postgresql")
    psycopg = pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="egma-postgresql-"))
    user = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres")
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    initdb = [str(programs[-1]), "-D", str(data), "-U", "egma", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **user)
    options = ["-h", "127.0.0.1", "-p", str(port), "-k", "", "-c", "fsync=off"]
    server = subprocess.Popen(
        [str(programs[-1].with_name("postgres")), "-D", str(data), *options], cwd=folder, stderr=subprocess.DEVNULL, **user
    )
    try:
        for _ in range(100):
            try:
                psycopg.connect(host="127.0.0.1", port=port, user="egma", dbname="postgres").close()
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        url = f"postgresql+psycopg://egma@127.0.0.1:{port}/postgres"
        Store.open(f"{url}?egma_files={folder / 'library.files'}", create=True).close()
        yield url
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth keeping
        server.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _emptied(url: str) -> str:
    import psycopg

    tables = ", ".join(name for name in metadata.tables if name != "library")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(f"TRUNCATE {tables} RESTART IDENTITY".encode())
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty library is, on either engine."""
    if request.param == "sqlite":
        return str(request.getfixturevalue("library_path"))
    return f"{_emptied(request.getfixturevalue('postgresql'))}?egma_files={tmp_path / 'library.files'}"


@pytest.fixture
def store(location: str) -> Iterator[Store]:
    """An empty library, open, on either engine."""
    with Store.open(location) as store:
        yield store


@pytest.fixture
def film() -> Callable[..., FilmRecord]:
    """Make the record of film `n`, or of another film of its study and patient."""

    def make(n: int = 1, patient: int | None = None, study: int | None = None, **others: object) -> FilmRecord:
        patient = n if patient is None else patient
        study = n if study is None else study
        values = {
            "patient": f"P{patient:03}",
            "study_uid": f"1.2.3.{study}",
            "series_uid": f"1.2.3.{study}.1",
            "instance_uid": f"1.2.3.{study}.1.{n}",
            "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1",
            "modality": "CR",
            "view_position": "PA",
            "rows": 2048,
            "columns": 1024,
            "frames": 1,
            "file": f"films/{n}.dcm",
            "sha256": f"{n:064x}",
            "origin": "dicom",
        }
        return FilmRecord(**{**values, **others})

    return make


@pytest.fixture
def begin(film: Callable[..., FilmRecord]) -> Callable[..., int]:
    """Begin a reading of study 1 in a store and return its id."""

    def make(store: Store, *, origin: str = "tracker", n: int = 1) -> int:
        store.add_film(film(n))
        study = next(study for study in store.studies() if study.study_uid == f"1.2.3.{n}")
        tracker = TrackerDescription("fake", origin, "Fake tracker", "17", 120.0, frozenset({"calibration"}))
        reader = store.add_reader("Dr A").id
        session = store.begin_session(CaptureSessionRecord(reader, SCREEN, tracker, STARTED - 5, UTC, "0.1"))
        return store.begin_reading(session.id, study.id, STARTED, UTC).id

    return make


@pytest.fixture
def samples() -> Callable[..., GazeSamples]:
    """Make `n` samples that begin `at_ms` after the reading's start, all different."""

    def make(n: int, at_ms: int = 0, origin: str = "tracker") -> GazeSamples:
        block = GazeSamples.blank(n, origin)
        rows = block.rows
        rows["host_ns"] = STARTED + at_ms * 10**6 + np.arange(n) * 8_333_333
        rows["device_us"] = rows["host_ns"] // 1000 - 7
        rows["left_x"] = np.arange(n) / 100 + at_ms
        rows["left_valid"] = True
        return block

    return make
