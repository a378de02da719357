"""A reading as a folder of plain tables: gaze, viewports, words and key strokes, and its audio only where that is asked for."""

from __future__ import annotations

import csv
import dataclasses
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from egma_core.errors import InterchangeError
from egma_core.files import disk_in_words, replace_file
from egma_core.interchange.release import Passage, reading_passages, require_consent, require_innocent
from egma_core.interchange.samples import export_samples
from egma_core.speech.audio import write_wav
from egma_core.store.store import Store
from egma_core.store.values import ReadingEntry, TextEdit


def export_reading(store: Store, reading_id: int, folder: Path, *, audio: bool = False, allow_text: bool = False) -> tuple[str, ...]:
    """Write everything that was recorded of a reading into a new folder, with pseudonyms only.

    Times are in seconds since the reading's start, but for raw samples, which keep their clocks (`started_ns` is that start
    on the host's). A voice tells who speaks, so the audio stays in the library unless it
    is asked for.

    Args:
        store: The library.
        reading_id: The reading.
        folder: The folder to make.
        audio: Whether the audio goes along.
        allow_text: Whether texts go along that may tell who somebody is; for when a person has looked at them.

    Returns:
        Names of the files written.

    Raises:
        StoreError: There is no such reading, or its rows are damaged.
        PrivacyError: A text may tell who somebody is, or the reader did not agree.
        InterchangeError: The folder is there already, cannot be written, or there is no audio.
    """
    reading = store.reading(reading_id)
    require_consent(store, reading.reader, ("gaze", "voice") if audio else ("gaze",))
    if not allow_text:
        require_innocent(_passages(store, reading))
    if folder.exists():
        raise InterchangeError(f"There is something at {folder} already.", "Choose a folder that does not exist yet.")
    part = folder.with_name(f"{folder.name}.part")
    with disk_in_words(InterchangeError, f"The folder {folder} cannot be written"):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            _write(store, reading, part, audio=audio)
            replace_file(part, folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return tuple(sorted(path.name for path in folder.iterdir()))


def export_audio(store: Store, reading_id: int, out: Path) -> float:
    """Write the audio of a reading as a WAV file; stretches that were lost are silent, so that time stays what it was.

    Returns:
        How many seconds it has.

    Raises:
        StoreError: There is no such reading, or its audio is damaged.
        PrivacyError: The reader did not agree.
        InterchangeError: There is no audio, or its rate changed within the reading.
        SpeechError: The file cannot be written.
    """
    require_consent(store, store.reading(reading_id).reader, ("voice",))
    return _write_audio(store, reading_id, out)


def _write_audio(store: Store, reading_id: int, out: Path) -> float:
    chunks = store.audio_chunks(reading_id)
    rates = {chunk.rate_hz for chunk in chunks}
    if len(rates) != 1:
        what = "has no audio" if not rates else "has audio of several rates"
        raise InterchangeError(f"Reading {reading_id} {what}.", "Choose another one.")
    rate_hz = rates.pop()
    samples = np.zeros(max(chunk.first_sample + len(chunk.samples) for chunk in chunks), np.int16)
    for chunk in chunks:
        samples[chunk.first_sample : chunk.first_sample + len(chunk.samples)] = chunk.samples
    write_wav(out, samples, rate_hz)
    return len(samples) / rate_hz


def typed_states(edits: Sequence[TextEdit]) -> Iterator[tuple[int, str]]:
    """(line, text) of each line before anything was taken from it, and as it ended: together, all that was ever typed."""
    lines: dict[int, str] = {}
    for edit in edits:
        text = lines.get(edit.line, "")
        if edit.removed:
            yield edit.line, text
        lines[edit.line] = text[: edit.position] + edit.inserted + text[edit.position + len(edit.removed) :]
    yield from lines.items()


def _passages(store: Store, reading: ReadingEntry) -> Iterator[Passage]:
    """Every text that goes along: sentences as they count and as they were said, what was typed, heard and noted."""
    yield from reading_passages(reading.id, store.sentences(reading.id))
    if reading.text_origins == ("simulated",):
        return
    if store.revision_id(reading.id) is not None:
        recorded = reading_passages(reading.id, store.recorded_sentences(reading.id))
        yield from (Passage(f"{passage.place} as recorded", passage.text) for passage in recorded)
    yield from (Passage(f"reading {reading.id}, typed line {line + 1}", text) for line, text in typed_states(store.edits(reading.id)))
    yield Passage(f"reading {reading.id}, words as heard", " ".join(word.text for word in store.words(reading.id)))
    yield from (Passage(f"reading {reading.id}, notification {n}", note.text) for n, note in enumerate(store.notifications(reading.id), 1))


def _write(store: Store, reading: ReadingEntry, folder: Path, *, audio: bool) -> None:
    def seconds(ns: int) -> str:
        return f"{(ns - reading.started_ns) / 1e9:.9f}"

    about = json.dumps(_about(store, reading), indent=2, ensure_ascii=False) + "\n"
    (folder / "about.json").write_text(about, encoding="utf-8", newline="\n")
    export_samples(store, reading.id, folder / "samples.csv")
    names = ("instance_uid", "frame", "window_center", "window_width", "inverted")
    affine, sides = ("xx", "xy", "yx", "yy", "dx", "dy"), ("left", "top", "right", "bottom")
    _table(
        folder / "viewports.csv",
        ("time_s", *names, *(f"image_to_screen_{name}" for name in affine), *(f"region_{side}_px" for side in sides)),
        (
            (
                seconds(view.host_ns),
                *(getattr(view, name) for name in names),
                *(getattr(view.image_to_screen, name) for name in affine),
                *(getattr(view.region, side) for side in sides),
            )
            for view in store.viewports(reading.id)
        ),
    )
    for name, sentences in (
        ("sentences.csv", store.sentences(reading.id)),
        ("sentences_recorded.csv", store.recorded_sentences(reading.id)),
    ):
        rows = ((f"{s.onset_s:.9f}", f"{s.offset_s:.9f}", s.origin, s.text) for s in sentences)
        _table(folder / name, ("onset_s", "offset_s", "origin", "text"), rows)
    heard = ((seconds(w.onset_ns), seconds(w.offset_ns), w.confidence, w.engine, w.text) for w in store.words(reading.id))
    _table(folder / "words_heard.csv", ("onset_s", "offset_s", "confidence", "engine", "text"), heard)
    strokes = ((seconds(e.host_ns), e.line, e.position, e.removed, e.inserted) for e in store.edits(reading.id))
    _table(folder / "edits.csv", ("time_s", "line", "position", "removed", "inserted"), strokes)
    notes = ((seconds(n.host_ns), n.kind, n.text) for n in store.notifications(reading.id))
    _table(folder / "notifications.csv", ("time_s", "kind", "text"), notes)
    if audio:
        _write_audio(store, reading.id, folder / "audio.wav")


def _about(store: Store, reading: ReadingEntry) -> dict[str, Any]:
    reader = next(entry.id for entry in store.readers() if entry.name == reading.reader)
    consent = store.consent(reading.reader)
    return {
        "format": "egma-reading-1",
        "reading": reading.uid,
        "reader": f"reader-{reader}",
        "consent": None if consent is None else list(consent.scope),
        "patient": reading.study.patient,
        "study_uid": store.study(reading.study.study_id).study_uid,
        "state": reading.state,
        "started_ns": reading.started_ns,
        "tracker": reading.tracker,
        "gaze_origin": reading.gaze_origin,
        "screen": dataclasses.asdict(reading.screen),
        "duration_s": None if reading.ended_ns is None else (reading.ended_ns - reading.started_ns) / 1e9,
        "accuracy_deg": store.accuracy_deg(reading.id, "average"),
        "correction": list(store.correction(reading.id)),
        "clock_fits": [dataclasses.asdict(fit) for fit in store.clock_fits(reading.id)],
    }


def _table(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)
