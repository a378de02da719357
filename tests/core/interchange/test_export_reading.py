"""What leaves a library with a reading: everything recorded, no name, the voice only where asked, and only what was agreed to."""

from __future__ import annotations

import csv
import json
import shutil
import wave
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from egma_core.errors import InterchangeError, PrivacyError
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.interchange.readings import export_audio, export_reading, typed_states
from egma_core.interchange.release import keep_here, library_passages, marked, must_stay_private, readers_who_refuse, suspects
from egma_core.interchange.samples import export_samples
from egma_core.speech.sentences import Sentence
from egma_core.store.store import Store
from egma_core.store.values import (
    AudioChunk,
    CaptureSessionRecord,
    Consent,
    FilmRecord,
    HeardWord,
    Notification,
    RawBatch,
    ReportSentence,
    SpokenSentence,
    TextEdit,
)
from egma_core.trackers.tracker import TrackerDescription

SECOND = 10**9
STARTED = 5 * SECOND
NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
READER = "Dr Petra Muster"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "library.sqlite"
    with Store.open(path, create=True) as store:
        store.add_film(FilmRecord("P1", "1.1", "1.2", "1.3", "1.2", "CR", "PA", 60, 90, 1, "a.dcm", "0" * 64, "dicom"))
    return path


@pytest.fixture
def library(made: Path, tmp_path: Path) -> Iterator[Store]:
    with Store.open(shutil.copy(made, tmp_path / "library.sqlite")) as store:
        yield store


def record(store: Store, text: str = "Clear lungs.", *, typed: str = "Clear lungs.", heard: str = "clear lungs", audio: bool = True) -> int:
    reader = store.add_reader(READER).id
    tracker = TrackerDescription("fake", "tracker", "", "", 120.0)
    session = store.begin_session(CaptureSessionRecord(reader or 0, Screen(1000, 800, 500, 400, 600), tracker, 0, NOW, "0"))
    reading = store.begin_reading(session.id or 0, store.studies()[0].id, STARTED, NOW).id
    assert reading is not None
    samples = GazeSamples.blank(3, "tracker")
    samples.rows["host_ns"] = STARTED + np.arange(3)
    view = Viewport(STARTED + SECOND // 2, "1.3", 1, Transform.scaling("image", "screen", 2.0, 2.0, 3.0, 4.0), Rect(0.0, 0.0, 9.0, 9.0))
    said = SpokenSentence(text, STARTED + SECOND, STARTED + 2 * SECOND, "dictation")
    chunks = (
        AudioChunk(STARTED, STARTED + 1, 0, 8000, np.full(4, 7, np.int16)),
        AudioChunk(STARTED + 2, STARTED + 3, 6, 8000, np.full(2, -9, np.int16)),
    )
    strokes = tuple(TextEdit(STARTED + i, 0, i, "", key) for i, key in enumerate(typed))
    words = tuple(HeardWord(word, STARTED, STARTED + SECOND, None, "fake") for word in heard.split())
    noted = (Notification(STARTED + 1, "tracker_lost", "The tracker was lost."),)
    store.append(reading, RawBatch(samples, (view,), (said,), noted, chunks if audio else (), strokes, words))
    store.end_reading(reading, "complete", STARTED + 3 * SECOND)
    return reading


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_reading_leaves_as_plain_tables_without_its_voice(library: Store, tmp_path: Path) -> None:
    reading = record(library)
    library.save_revision(reading, (Sentence("Lungs clear.", 1.0, 2.5, "typed"),), "edited")
    out = tmp_path / "out"
    written = export_reading(library, reading, out)
    assert set(written) == {
        *("about.json", "samples.csv", "viewports.csv", "sentences.csv", "sentences_recorded.csv"),
        *("words_heard.csv", "edits.csv", "notifications.csv"),
    }
    assert not list(tmp_path.glob("*.part"))
    assert rows(out / "sentences.csv") == [{"onset_s": "1.000000000", "offset_s": "2.500000000", "origin": "typed", "text": "Lungs clear."}]
    assert rows(out / "sentences_recorded.csv")[0]["text"] == "Clear lungs."
    (view,) = rows(out / "viewports.csv")
    assert (view["time_s"], view["image_to_screen_dx"], view["region_right_px"], view["window_center"]) == ("0.500000000", "3.0", "9.0", "")
    assert "".join(row["inserted"] for row in rows(out / "edits.csv")) == "Clear lungs."
    assert [row["text"] for row in rows(out / "words_heard.csv")] == ["clear", "lungs"]
    assert rows(out / "notifications.csv")[0]["kind"] == "tracker_lost"
    about = json.loads((out / "about.json").read_text(encoding="utf-8"))
    assert (about["reader"], about["patient"], about["started_ns"], about["consent"]) == ("reader-1", "P1", STARTED, None)
    assert all("Muster" not in path.read_text(encoding="utf-8") for path in out.iterdir())
    with pytest.raises(InterchangeError, match=r"something at .* already"):
        export_reading(library, reading, out)


def test_the_voice_goes_along_where_asked_and_keeps_its_time(library: Store, tmp_path: Path) -> None:
    reading = record(library)
    assert "audio.wav" in export_reading(library, reading, tmp_path / "out", audio=True)
    assert export_audio(library, reading, tmp_path / "alone.wav") == 8 / 8000
    for path in (tmp_path / "out" / "audio.wav", tmp_path / "alone.wav"):
        with wave.open(str(path), "rb") as file:
            assert (file.getframerate(), file.getnchannels()) == (8000, 1)
            assert np.frombuffer(file.readframes(9), "<i2").tolist() == [7, 7, 7, 7, 0, 0, -9, -9], "what was lost is silent"
    silent = record(library, audio=False)
    with pytest.raises(InterchangeError, match="has no audio"):
        export_reading(library, silent, tmp_path / "silent", audio=True)
    assert not (tmp_path / "silent").exists() and not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("texts", "place"),
    [
        ({"text": "Told Dr. Miller."}, r"reading 1, sentence 1 \(name\)"),
        ({"typed": "see Miller today"}, "typed line 1"),
        ({"heard": "call 555 123 4567"}, "words as heard"),
    ],
)
def test_a_text_that_names_somebody_stays_until_somebody_looked(library: Store, tmp_path: Path, texts: dict[str, str], place: str) -> None:
    reading = record(library, **texts)
    with pytest.raises(PrivacyError, match=place) as refused:
        export_reading(library, reading, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert "Miller" not in str(refused.value) and "555" not in str(refused.value), "places, never the text"
    assert "--allow-text" in refused.value.remedy
    export_reading(library, reading, tmp_path / "out", allow_text=True)


def test_what_was_said_before_a_revision_counts_too(library: Store, tmp_path: Path) -> None:
    reading = record(library, "Told Dr. Miller.", typed="x")
    library.save_revision(reading, (Sentence("Told the surgeon.", 1.0, 2.0, "typed"),), "edited")
    with pytest.raises(PrivacyError, match=r"sentence 1 as recorded \(name\)"):
        export_reading(library, reading, tmp_path / "out")


def test_everything_ever_typed_is_looked_at() -> None:
    edits = [TextEdit(0, 0, 0, "", "Miller"), TextEdit(1, 0, 0, "Miller", "He"), TextEdit(2, 1, 0, "", "b"), TextEdit(3, 0, 2, "", " sat")]
    assert list(typed_states(edits)) == [(0, "Miller"), (0, "He sat"), (1, "b")]


def test_a_reader_s_consent_decides(library: Store, tmp_path: Path) -> None:
    reading = record(library)
    assert not must_stay_private(library, READER), "nobody asked"
    library.set_consent(READER, Consent(NOW, "1", ("gaze",), True))
    assert must_stay_private(library, READER)
    export_reading(library, reading, tmp_path / "without")
    assert json.loads((tmp_path / "without" / "about.json").read_text(encoding="utf-8"))["consent"] == ["gaze"]
    for attempt in (
        lambda: export_reading(library, reading, tmp_path / "with", audio=True),
        lambda: export_audio(library, reading, tmp_path / "a.wav"),
    ):
        with pytest.raises(PrivacyError, match="that the voice is recorded"):
            attempt()
    library.set_consent(READER, Consent(NOW, "1", ("gaze",), False))
    assert readers_who_refuse(library) == {READER}
    with pytest.raises(PrivacyError, match="that gaze is recorded"):
        export_reading(library, reading, tmp_path / "more")
    with pytest.raises(PrivacyError, match="that gaze is recorded"):
        export_samples(library, reading, tmp_path / "samples.csv")


def test_a_library_s_texts_are_looked_through(library: Store) -> None:
    assert keep_here(library) == ""
    record(library, "Told Dr. Miller on March 3.")
    library.add_film(
        FilmRecord("P2", "2.1", "2.2", "2.3", "1.2", "CR", "PA", 60, 90, 1, "b.dcm", "1" * 64, "dicom"),
        report=(
            ReportSentence("Clear.", "label"),
            ReportSentence("Call 555-123-4567.", "label"),
            ReportSentence("Dr. Smith.", "simulated"),
        ),
    )
    found = suspects(library_passages(library))
    assert [str(suspect) for suspect in found] == ["reading 1, sentence 1 (name, date)", "study 2, sentence 2 of its report (contact)"]
    assert keep_here(library).startswith("2 texts of the library may tell who somebody is")
    assert marked(found[0]) == "Told Dr. [Miller] on [March 3]."
