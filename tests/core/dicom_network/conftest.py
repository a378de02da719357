"""PACS on loopback: Orthanc from Debian, and pynetdicom's own, each a child of the tests with a folder of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from egma_core.dicom.pacs.connections import DimseConnection, WebConnection
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.store.store import Store

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
STUDY = "1.2.826.0.1.3680043.8.498.71"
PATIENT = "FAKE-7788"


@dataclass(frozen=True)
class Server:
    """A PACS that runs: how to get (by C-GET), to move, and, where it speaks it, DICOMweb."""

    get: DimseConnection
    move: DimseConnection
    web: WebConnection | None


def free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def wait_for(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert child.poll() is None, log.read_text(encoding="utf-8", errors="replace")[-3000:]
            time.sleep(0.05)
        else:
            return
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace")[-3000:])


def connections(title: str, port: int, listen: int, web: int | None = None) -> Server:
    get = DimseConnection("archive", "127.0.0.1", port, title)
    move = DimseConnection("archive", "127.0.0.1", port, title, listen_port=listen, listen_host="127.0.0.1")
    return Server(get, move, None if web is None else WebConnection("archive", f"http://127.0.0.1:{web}/dicom-web"))


def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    log = folder / "log.txt"
    with log.open("wb") as file:
        child = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
    try:
        wait_for(port, child, log)
        yield
    finally:
        child.kill()  # what it holds is thrown away, and a polite end takes it seconds
        child.wait()


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    for package in ("pynetdicom", "dicomweb_client"):
        pytest.importorskip(package, reason="the packages that speak to a PACS are not installed: pip install 'egma[pacs]'")


@pytest.fixture(scope="session")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real Orthanc; it listens on all interfaces, so it serves HTTP to this machine and DICOM to a peer on loopback alone."""
    program = shutil.which("Orthanc")
    if program is None or not PLUGIN.is_file():
        pytest.skip("Orthanc is not installed: apt-get install orthanc orthanc-dicomweb")
    folder = tmp_path_factory.mktemp("orthanc")
    dicom, http, listen = free_ports(3)
    configuration = {
        "StorageDirectory": "storage",
        "IndexDirectory": "storage",
        "DicomAet": "ORTHANC",
        "DicomPort": dicom,
        "DicomCheckCalledAet": True,
        "DicomModalities": {"EGMA": {"AET": "EGMA", "Host": "127.0.0.1", "Port": listen}},
        "DicomCheckModalityHost": True,
        "DicomAlwaysAllowEcho": False,
        "DicomAlwaysAllowStore": False,
        "HttpPort": http,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "OverwriteInstances": True,
    }
    (folder / "orthanc.json").write_text(json.dumps(configuration), encoding="utf-8")
    generator = running([program, "orthanc.json"], dicom, folder)
    next(generator)
    yield connections("ORTHANC", dicom, listen, http)
    next(generator, None)


@pytest.fixture(scope="session")
def qrscp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """pynetdicom's PACS: other software than Orthanc, and there where Orthanc is not."""
    pytest.importorskip("sqlalchemy")
    folder = tmp_path_factory.mktemp("qrscp")
    dicom, listen = free_ports(2)
    (folder / "qrscp.ini").write_text(
        f"[DEFAULT]\nae_title: QRSCP\nport: {dicom}\nmax_pdu: 16382\nacse_timeout: 30\ndimse_timeout: 30\nnetwork_timeout: 30\n"
        # Whole paths: what is not one, it looks for beside its own program.
        f"bind_address: 127.0.0.1\ninstance_location: {folder / 'instances'}\ndatabase_location: {folder / 'instances.sqlite'}\n"
        f"[EGMA]\naddress: 127.0.0.1\nport: {listen}\n",
        encoding="utf-8",
    )
    generator = running([sys.executable, "-m", "pynetdicom", "qrscp", "-c", "qrscp.ini"], dicom, folder)
    next(generator)
    yield connections("QRSCP", dicom, listen)
    next(generator, None)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "library").mkdir()
    with Store.open(tmp_path / "library" / "library.sqlite", create=True) as store:
        yield store


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., list[Path]]:
    """Write a study of so many small films of one invented patient, in two series."""

    def write(uid: str, count: int = 4, patient: str = PATIENT) -> list[Path]:
        folder = tmp_path / f"study-{uid}"
        folder.mkdir()
        paths = [folder / f"{index}.dcm" for index in range(count)]
        for index, path in enumerate(paths):
            pixels = np.full((16, 24), 10 + index, np.uint8)
            write_film(path, pixels, FilmTags(patient, uid, f"{uid}.{1 + index % 2}", f"{uid}.9.{index}", view_position="PA"))
        return paths

    return write
