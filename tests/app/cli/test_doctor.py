"""`egma doctor` on a library: what it prints, and that a journal counts."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner

from egma_app.cli.main import egma
from egma_core.gaze.samples import GazeSamples
from egma_core.recording.clock import SimulatedClock
from egma_core.recording.headless import record_headless
from egma_core.recording.journal import Journal, journal_path, rows_in
from egma_core.store.store import Store
from egma_core.store.values import RawBatch

START = 10**12


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A reading that is complete, and one whose last two samples only its journal has."""
    path = tmp_path / "library.sqlite"
    with Store.open(path, create=True) as store:
        done = record_headless(store, seconds=0.5, clock=SimulatedClock(START))
        reading_id = store.begin_reading(done.session_id, done.study.study_id, START, datetime.now(timezone.utc)).id
        assert reading_id is not None
        uid = store.reading(reading_id).uid
        journal = Journal(journal_path(store, uid), uid)
        gaze = GazeSamples.blank(2, "simulated")
        gaze.rows["host_ns"] = [START + 5, START + 9]
        journal.write(dict.fromkeys(rows_in(RawBatch(gaze)), 0), RawBatch(gaze))
        journal.close()
    return path


def test_what_is_safe_is_printed_as_json(library: Path) -> None:
    found = CliRunner().invoke(egma, ["doctor", "--store", str(library), "--json"])
    assert found.exit_code == 0, found.output
    health = json.loads(found.stdout)
    assert health["integrity"] == "ok"
    keys = ("id", "state", "n_samples", "n_gaps", "last_durable_ns")
    complete, cut_off = ([reading[key] for key in keys] for reading in health["readings"])
    assert complete == [1, "complete", 61, 0, START + 500_000_000]
    assert cut_off == [2, "recording", 2, 0, START + 9]
    with Store.open(library) as store:
        assert store.reading(2).state == "recording", "nothing is changed"


def test_it_is_said_in_words_too(library: Path) -> None:
    found = CliRunner().invoke(egma, ["doctor", "--store", str(library)])
    assert found.stdout.splitlines() == [
        "Library: integrity ok, 2 readings.",
        "  reading 1: complete, 61 samples, 0 gaps",
        "  reading 2: recording, 2 samples, 0 gaps",
    ]


def test_there_must_be_a_library(tmp_path: Path) -> None:
    found = CliRunner().invoke(egma, ["doctor", "--store", str(tmp_path / "none.sqlite"), "--json"])
    assert found.exit_code == 2
    assert "There is no library" in found.stderr
