"""A small library to read in, and the workspace on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from egma_app.capture.consent import consent_version
from egma_app.capture.workspace import CaptureWorkspace
from egma_app.settings import Settings
from egma_app.workspace import Library
from egma_core.dicom.image import Window
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.interchange.dicom import import_dicom
from egma_core.store.store import Store
from egma_core.store.values import Consent

FILMS = (("one", "PA"), ("two", "LL"), ("two", "PA"), ("three", "AP"))
"""Patient and view: the second study comes with its lateral film first."""


@pytest.fixture
def library_path(tmp_path: Path) -> Path:
    source = tmp_path / "films"
    source.mkdir()
    for number, (patient, view) in enumerate(FILMS):
        pixels = np.random.default_rng(number).integers(0, 4096, (96, 80)).astype(np.uint16)
        uid = f"2.25.{1000 + number}"
        tags = FilmTags(
            patient_id=patient,
            study_uid=f"2.25.{sum(map(ord, patient))}",
            series_uid=f"{uid}.1",
            instance_uid=f"{uid}.2",
            modality="DX",
            bits_stored=12,
            window=Window(2048.0, 4096.0),
            view_position=view,
        )
        write_film(source / f"{number}.dcm", pixels, tags)
    path = tmp_path / "library.sqlite"
    with Store.open(path, create=True) as store:
        assert import_dicom(source, store).imported == len(FILMS)
        for reader in ("Ada", "Bob"):
            store.set_consent(reader, Consent(datetime(2026, 3, 9, tzinfo=timezone.utc), consent_version(), ("gaze", "voice"), True))
    return path


@pytest.fixture
def library(library_path: Path, qtbot: QtBot) -> Iterator[Library]:
    opened = Library.open(library_path)
    yield opened
    opened.close()


@pytest.fixture
def capture(library: Library, qtbot: QtBot) -> Iterator[CaptureWorkspace]:
    workspace = CaptureWorkspace(library, Settings())
    qtbot.addWidget(workspace, before_close_func=lambda w: w.conduct.close())
    workspace.resize(1200, 700)
    workspace.show()
    qtbot.waitExposed(workspace)
    workspace.activateWindow()
    qtbot.waitUntil(lambda: workspace.films.is_ready, timeout=10000)
    yield workspace
