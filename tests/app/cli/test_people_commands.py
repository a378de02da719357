"""`egma erase`, `egma protocol check`, `egma export reading|audio|check-text`: what they do, ask, and refuse."""

from __future__ import annotations

import json
import shutil
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from egma_app.cli.main import main
from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.recording.lock import RecordingLock
from egma_core.store.store import Store
from egma_core.store.values import AudioChunk, CaptureSessionRecord, Consent, FilmRecord, RawBatch, SpokenSentence
from egma_core.trackers.tracker import TrackerDescription

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with two films, a reading by each of two readers, and one that a dead process left."""
    path = tmp_path_factory.mktemp("made") / "library.sqlite"
    with Store.open(path, create=True) as store:
        for n in (1, 2):
            store.add_film(
                FilmRecord(f"P{n}", f"1.{n}", f"1.{n}.1", f"1.{n}.2", "1.2", "CR", "PA", 60, 90, 1, f"{n}.dcm", f"{n}" * 64, "dicom")
            )
        for name, state in (("Dr A", "complete"), ("Dr B", "complete"), ("Dr A", "recording")):
            reader = store.add_reader(name).id
            tracker = TrackerDescription("fake", "tracker", "", "", 120.0)
            session = store.begin_session(CaptureSessionRecord(reader or 0, Screen(1000, 800, 500, 400, 600), tracker, 0, NOW, "0")).id
            reading = store.begin_reading(session or 0, store.studies()[0].id, 0, NOW).id
            said = SpokenSentence("Told Dr. Miller.", 1, 2, "typed")
            audio = AudioChunk(0, 1, 0, 8000, np.zeros(8000, np.int16))
            store.append(reading or 0, RawBatch(GazeSamples.blank(2, "tracker"), sentences=(said,), audio=(audio,)))
            if state != "recording":
                store.end_reading(reading or 0, "complete", 5)
    return path


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Path:
    """A copy of that library."""
    return Path(shutil.copy(made, tmp_path / "library.sqlite"))


def egma(*arguments: str | Path | int, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=typed)


def test_erasing_asks_first_and_says_what_is_left(library: Path) -> None:
    asked = egma("erase", "--store", library, "--reader", "Dr A", typed="n\n")
    assert asked.exit_code == 130 and "Delete 2 readings of 2 sittings" in asked.output
    copy = library.with_name("library.before-upgrade-from-0001.sqlite")
    shutil.copy(library, copy)
    done = egma("erase", "--store", library, "--reader", " Dr A ", "--reason", "withdrew", "--yes")
    assert done.exit_code == 0, done.output
    assert "Erased: 2 readings of 2 sittings" in done.stdout and str(copy) in done.stderr
    with Store.open(library) as store:
        assert [reading.reader for reading in store.readings()] == ["Dr B"]
        assert [row[4] for row in store.erasures()] == ["withdrew"]
    again = egma("erase", "--store", library, "--reader", "Dr A", "--yes")
    assert again.exit_code == 2 and "no reader of that name" in again.stderr


def test_nobody_is_erased_while_somebody_records(library: Path) -> None:
    with Store.open(library) as store:
        lock = RecordingLock(store.files)
        try:
            refused = egma("erase", "--store", library, "--reader", "Dr B", "--yes")
        finally:
            lock.release()
        assert refused.exit_code == 2 and "recording into this library" in refused.stderr
        assert len(store.readings()) == 3


def test_a_reading_leaves_as_asked(library: Path, tmp_path: Path) -> None:
    refused = egma("export", "reading", "--store", library, "--reading", 1, "--out", tmp_path / "out")
    assert refused.exit_code == 2 and "reading 1, sentence 1 (name)" in refused.stderr and "Miller" not in refused.output
    done = egma("export", "reading", "--store", library, "--reading", 1, "--out", tmp_path / "out", "--allow-text")
    assert done.exit_code == 0 and "sentences.csv" in done.stdout and "audio.wav" not in done.stdout
    with_audio = egma("export", "reading", "--store", library, "--reading", 1, "--out", tmp_path / "both", "--allow-text", "--audio")
    assert "audio.wav" in with_audio.stdout
    heard = egma("export", "audio", "--store", library, "--reading", 1, "--out", tmp_path / "a.wav")
    assert heard.stdout == f"1.0 s of audio in {tmp_path / 'a.wav'}.\n"
    with Store.open(library) as store:
        store.set_consent("Dr A", Consent(NOW, "1", ("gaze",), True))
    kept = egma("export", "reading", "--store", library, "--reading", 1, "--out", tmp_path / "kept", "--allow-text")
    assert kept.exit_code == 0 and "keep the folder here" in kept.stderr


def test_examples_leave_out_who_withdrew_and_say_so(library: Path, tmp_path: Path) -> None:
    assert egma("process", "--store", library).exit_code == 0
    refused = egma("export", "examples", "--store", library, "--out", tmp_path / "m.json")
    assert refused.exit_code == 2 and "2 texts may tell who somebody is" in refused.stderr
    with Store.open(library) as store:
        store.set_consent("Dr A", Consent(NOW, "1", ("gaze",), False))
        store.set_consent("Dr B", Consent(NOW, "1", ("gaze",), True))
    done = egma("export", "examples", "--store", library, "--out", tmp_path / "m.json", "--allow-text")
    assert done.exit_code == 0 and "1 examples" in done.stdout
    assert "1 readings stayed in the library" in done.stderr and "1 readers did not agree that recordings are shared" in done.stderr


def test_texts_are_listed_without_and_with_their_words(library: Path) -> None:
    plain = egma("export", "check-text", "--store", library)
    assert plain.stdout.splitlines()[0] == "reading 1, sentence 1: name: a word behind a title"
    assert plain.stdout.endswith("2 texts may tell who somebody is.\n") and "Miller" not in plain.stdout
    assert "  Told Dr. [Miller]." in egma("export", "check-text", "--store", library, "--show").stdout
    listed = json.loads(egma("export", "check-text", "--store", library, "--json").stdout)["texts"]
    assert listed[1] == {"place": "reading 2, sentence 1", "found": [{"kind": "name", "reason": "a word behind a title"}]}


def test_a_protocol_is_checked_against_a_library(library: Path, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('name = "Pilot"\ncases = ["P2", "1.1"]\norder = "listed"\n', encoding="utf-8")
    done = egma("protocol", "check", file, "--store", library, "--reader", "Dr A", "--reader", "Dr B")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == [
        "'Pilot' can be kept to: 2 cases, listed, dictation any.",
        "Dr A: P2, P1 (being read)",
        "Dr B: P2, P1 (read)",
    ]
    file.write_text('name = "Pilot"\ncases = ["P2", "P9"]\n', encoding="utf-8")
    wrong = egma("protocol", "check", file, "--store", library)
    assert wrong.exit_code == 2 and "P9: not in the library" in wrong.stderr and "1 of 2 cases" in wrong.stderr
    file.write_text('name = "Pilot"\n[keys]\n"capture.fly" = "F5"\n', encoding="utf-8")
    keys = egma("protocol", "check", file, "--store", library)
    assert keys.exit_code == 2 and "capture.fly" in keys.stderr


def test_a_protocol_s_windows_are_those_of_the_maps(library: Path, tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text('name = "Pilot"\n[windows]\nname = "lead"\nlead_s = 2.0\n', encoding="utf-8")
    assert egma("process", "--store", library, "--reading", 1, "--protocol", file).exit_code == 0
    with Store.open(library) as store:
        derivation = store.derivation(1)
        assert derivation is not None and derivation.recipe["windows"]["name"] == "lead"
