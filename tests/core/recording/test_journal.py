"""The journal: what was written comes back bit by bit, and whatever a crash tore off ends it cleanly."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.errors import RecordingError
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Transform
from egma_core.recording.journal import Journal, JournalFrame, encoded, read_journal, rows_in
from egma_core.store.values import AudioChunk, HeardWord, Notification, RawBatch, SpokenSentence, TextEdit

TABLES = tuple(rows_in(RawBatch(GazeSamples.blank(0, "tracker"))))

moments = st.integers(0, 2**62)
texts = st.text(max_size=12)
numbers = st.floats(allow_nan=False, width=64)


@st.composite
def batches(draw: st.DrawFn) -> RawBatch:
    """Batches of every kind of content, empty ones too."""

    def some(strategy: st.SearchStrategy[object]) -> tuple[object, ...]:
        return tuple(draw(st.lists(strategy, max_size=2)))

    gaze = GazeSamples.blank(draw(st.integers(0, 5)), "simulated")
    gaze.rows["host_ns"] = sorted(draw(st.lists(moments, min_size=len(gaze), max_size=len(gaze))))
    gaze.rows["left_x"] = draw(numbers)
    places = st.builds(lambda *six: Transform("image", "screen", *six), *[numbers] * 6)
    shown = st.builds(
        Viewport,
        moments,
        texts,
        st.integers(1, 9),
        places,
        st.builds(Rect, *[numbers] * 4),
        st.none() | numbers,
        st.none() | numbers,
        st.booleans(),
    )
    heard = st.builds(
        AudioChunk,
        moments,
        moments,
        st.integers(0, 2**40),
        st.just(16000),
        st.lists(st.integers(-32768, 32767), max_size=6).map(lambda values: np.array(values, np.int16)),
    )
    return RawBatch(
        gaze,
        some(shown),
        some(st.builds(SpokenSentence, texts, moments, moments, st.just("typed"))),
        some(st.builds(Notification, moments, texts, texts)),
        some(heard),
        some(st.builds(TextEdit, moments, st.integers(0, 9), st.integers(0, 99), texts, texts)),
        some(st.builds(HeardWord, texts, moments, moments, st.none() | st.floats(0, 1), texts)),
    )


def write(folder: Path, wanted: list[RawBatch]) -> tuple[Path, list[int], list[bytes]]:
    """A journal of these batches: its path, its length before each of them and at its end, and the batches as bytes."""
    path = folder / "journal" / "a.journal"
    path.unlink(missing_ok=True)
    journal, next_seq = Journal(path, "a"), dict.fromkeys(TABLES, 0)
    lengths, frames = [path.stat().st_size], []
    for batch in wanted:
        journal.write(next_seq, batch)
        lengths.append(path.stat().st_size)
        frames.append(encoded(next_seq, batch))
        next_seq = {name: seq + rows_in(batch)[name] for name, seq in next_seq.items()}
    journal.sync()
    journal.close()
    return path, lengths, frames


def read(path: Path) -> list[bytes]:
    return [encoded(frame.next_seq, frame.batch) for frame in read_journal(path)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("journals")


@settings(max_examples=12, deadline=None)
@given(wanted=st.lists(batches(), max_size=3))
def test_what_was_written_comes_back(folder: Path, wanted: list[RawBatch]) -> None:
    path, _, frames = write(folder, wanted)
    assert read(path) == frames


def rich(n: int) -> RawBatch:
    """A small batch of everything."""
    gaze = GazeSamples.blank(n, "simulated")
    gaze.rows["host_ns"] = range(n)
    place = Transform.scaling("image", "screen", 2.0, 0.1)
    return RawBatch(
        gaze,
        (Viewport(1, "1.2", 1, place, Rect(0.0, 0.0, 9.5, 9.0), None, 400.0),),
        (SpokenSentence("Ein Erguß.", 1, 2, "typed"),),
        (Notification(3, "focus", "\n"),),
        (AudioChunk(1, 2, 7, 16000, np.arange(n, dtype=np.int16)),),
        (TextEdit(4, 0, 1, "", "ß"),),
        (HeardWord("no", 1, 2, None, "x"),),
    )


def test_cut_at_any_byte_it_gives_exactly_the_whole_frames_before(folder: Path) -> None:
    path, lengths, frames = write(folder, [rich(2), RawBatch(GazeSamples.blank(1, "simulated")), rich(0)])
    for cut in range(lengths[-1], -1, -1):
        os.truncate(path, cut)
        assert read(path) == frames[: sum(length <= cut for length in lengths[1:])], cut


def test_a_damaged_byte_ends_it_before_its_frame(folder: Path) -> None:
    path, lengths, frames = write(folder, [rich(1), RawBatch(GazeSamples.blank(1, "simulated")), rich(2)])
    whole = path.read_bytes()
    for at in range(0, lengths[-1], 3):
        content = bytearray(whole)
        content[at] ^= 0x10
        path.write_bytes(content)
        assert read(path) == frames[: sum(length <= at for length in lengths[1:])], at


@settings(max_examples=12, deadline=None)
@given(batch=batches(), start=st.integers(0, 3), reached=st.lists(st.integers(0, 6), min_size=7, max_size=7))
def test_what_the_database_has_already_is_left_out(batch: RawBatch, start: int, reached: list[int]) -> None:
    frame = JournalFrame(dict.fromkeys(TABLES, start), batch)
    has = dict(zip(TABLES, reached, strict=True))
    left = frame.beyond(has)
    rows, kept = rows_in(batch), rows_in(left.batch)
    for name in TABLES:
        lacking = range(max(start, has[name]), start + rows[name])
        assert kept[name] == len(lacking)
        assert left.next_seq[name] == max(start, has[name])
    assert left.beyond(has).next_seq == left.next_seq, "once is enough"
    assert left.batch.viewports == batch.viewports[len(batch.viewports) - kept["viewport"] :]


def test_a_full_disk_leaves_nothing_of_a_frame_that_did_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal" / "a.journal"
    journal, next_seq = Journal(path, "a"), dict.fromkeys(TABLES, 0)
    gaze = GazeSamples.blank(50, "tracker")
    journal.write(next_seq, RawBatch(gaze))
    whole, write_bytes = path.stat().st_size, os.write

    def nearly_full(file: int, data: bytes) -> int:
        if len(data) <= 100:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(file, data[: len(data) - 100])

    monkeypatch.setattr(os, "write", nearly_full)
    for _ in range(2):
        with pytest.raises(RecordingError, match=r"journal of the reading cannot be written \(No space left"):
            journal.write({**next_seq, "gaze_chunk": 1}, RawBatch(gaze))
    assert path.stat().st_size > whole, "something of it is in the file"
    assert len(read(path)) == 1
    monkeypatch.setattr(os, "write", write_bytes)
    journal.write({**next_seq, "gaze_chunk": 1}, RawBatch(gaze))
    journal.close()
    assert [frame.next_seq["gaze_chunk"] for frame in read_journal(path)] == [0, 1]


def test_a_journal_that_is_none_or_is_there_already_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal" / "a.journal"
    Journal(path, "a").close()
    with pytest.raises(RecordingError, match="cannot be made"):
        Journal(path, "a")
    with pytest.raises(RecordingError, match="cannot be read"):
        list(read_journal(tmp_path / "nowhere"))
    content = path.read_bytes().replace(b"egma-journal-1", b"egma-journal-9")
    path.write_bytes(content)
    assert list(read_journal(path)) == [], "its checksum fails"
    path.write_bytes(b"")
    assert list(read_journal(path)) == []
