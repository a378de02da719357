"""A reading's journal: all that happens in it, appended to a file beside the database before it is committed there.

What the database refuses for a while (its disk is full, another program holds it) is on the disk all the same, and a process
that dies between journal and commit loses nothing. A frame is its length and its CRC-32, four bytes each, little-endian, then a
line of JSON and the packed gaze and audio that this announces. The first frame names the reading. Every other one holds a batch
and the sequence number that each raw table had reached before it, so that whoever reads both knows what the database has
already. A frame that is not whole ends the journal: something died while it was being written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import struct
import sys
import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from egma_core.errors import RecordingError
from egma_core.files import disk_in_words
from egma_core.gaze.samples import SAMPLE_DTYPE, GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Transform
from egma_core.store.store import Store
from egma_core.store.values import AudioChunk, HeardWord, Notification, RawBatch, SpokenSentence, TextEdit

FORMAT = "egma-journal-1"

_HEAD = struct.Struct("<II")
_AUDIO_DTYPE = np.dtype("<i2")
_MAKE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)


def journal_path(store: Store, reading_uid: str) -> Path:
    """Where the journal of a reading lies."""
    return store.files / "journal" / f"{reading_uid}.journal"


def rows_in(batch: RawBatch) -> dict[str, int]:
    """How many rows of each raw table a batch becomes."""
    return {
        "gaze_chunk": int(len(batch.gaze) > 0),
        "viewport": len(batch.viewports),
        "sentence": len(batch.sentences),
        "notification": len(batch.notifications),
        "audio_chunk": len(batch.audio),
        "text_edit": len(batch.edits),
        "word": len(batch.words),
    }


class Journal:
    """One reading's journal, being written. `sync` may be called from a second thread, the rest from one."""

    def __init__(self, path: Path, reading_uid: str) -> None:
        """Make the file, durably.

        Raises:
            RecordingError: It is there already, or cannot be made.
        """
        self.path = path
        self._length = 0
        self._torn = False
        with disk_in_words(RecordingError, f"The journal {path} cannot be made"):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, _MAKE, 0o600)
            try:
                self._put(_frame({"format": FORMAT, "reading": reading_uid}, b""))
                os.fsync(self._file)
                _sync_folder(path.parent)
            except BaseException:
                os.close(self._file)
                raise

    def write(self, next_seq: Mapping[str, int], batch: RawBatch) -> None:
        """Append a batch; once this returns, the end of this process cannot undo it.

        Args:
            next_seq: Sequence number of each raw table's next row, before the batch.
            batch: What happened.

        Raises:
            RecordingError: It cannot be written, and then nothing of it stays.
        """
        frame = encoded(next_seq, batch)
        with disk_in_words(RecordingError, "The journal of the reading cannot be written"):
            self._put(frame)

    def sync(self) -> None:
        """Bring everything written onto the disk itself; once this returns, even the end of the power cannot undo it.

        Raises:
            RecordingError: The system refuses.
        """
        with disk_in_words(RecordingError, "The journal of the reading cannot be written"):
            os.fsync(self._file)

    def close(self) -> None:
        """Let the file go; it stays."""
        os.close(self._file)

    def _put(self, frame: bytes) -> None:
        if self._torn:
            os.ftruncate(self._file, self._length)  # else what follows could not be read
        self._torn = True
        left = memoryview(frame)
        while left:
            left = left[os.write(self._file, left) :]
        self._length += len(frame)
        self._torn = False


@dataclass(frozen=True)
class JournalFrame:
    """One batch of a journal.

    Attributes:
        next_seq: Sequence number of each raw table's next row, before the batch.
        batch: What happened.
    """

    next_seq: Mapping[str, int]
    batch: RawBatch

    def beyond(self, reached: Mapping[str, int]) -> JournalFrame:
        """What of it the database lacks.

        Args:
            reached: Sequence number of each raw table's next row in the database.
        """
        batch, skip = self.batch, {name: max(reached[name] - seq, 0) for name, seq in self.next_seq.items()}
        left = RawBatch(
            GazeSamples(batch.gaze.rows[:0], batch.gaze.origin) if skip["gaze_chunk"] else batch.gaze,
            batch.viewports[skip["viewport"] :],
            batch.sentences[skip["sentence"] :],
            batch.notifications[skip["notification"] :],
            batch.audio[skip["audio_chunk"] :],
            batch.edits[skip["text_edit"] :],
            batch.words[skip["word"] :],
        )
        return JournalFrame({name: max(reached[name], seq) for name, seq in self.next_seq.items()}, left)


def read_journal(path: Path) -> Generator[JournalFrame, None, None]:
    """The batches of a journal, in order, up to the first frame that is not whole.

    Raises:
        RecordingError: The file cannot be read, or another version of the program wrote it.
    """
    with disk_in_words(RecordingError, f"The journal {path} cannot be read"), path.open("rb") as file:
        first = _next(file)
        if first is None:
            return
        if first[0].get("format") != FORMAT:
            raise RecordingError(f"The file {path} is no journal that this program reads.", "Use the program that wrote it.")
        while (frame := _next(file)) is not None:
            yield _decoded(*frame)


def discard_journal(path: Path) -> None:
    """Remove a journal that is not needed any more; what the system refuses to remove stays until the next time."""
    with contextlib.suppress(OSError):
        path.unlink()


def encoded(next_seq: Mapping[str, int], batch: RawBatch) -> bytes:
    """A batch as a frame."""
    about: dict[str, Any] = {
        "next_seq": dict(next_seq),
        "origin": batch.gaze.origin,
        "gaze": len(batch.gaze),
        "viewports": [_viewport_fields(viewport) for viewport in batch.viewports],
        "sentences": [dataclasses.astuple(sentence) for sentence in batch.sentences],
        "notifications": [dataclasses.astuple(notification) for notification in batch.notifications],
        "audio": [(chunk.t0_ns, chunk.t1_ns, chunk.first_sample, chunk.rate_hz, len(chunk.samples)) for chunk in batch.audio],
        "edits": [dataclasses.astuple(edit) for edit in batch.edits],
        "words": [dataclasses.astuple(word) for word in batch.words],
    }
    audio = [np.ascontiguousarray(chunk.samples, _AUDIO_DTYPE).tobytes() for chunk in batch.audio]
    return _frame(about, b"".join([batch.gaze.rows.tobytes(), *audio]))


def _frame(about: Mapping[str, Any], packed: bytes) -> bytes:
    line = json.dumps(about, separators=(",", ":")).encode("ascii") + b"\n"
    payload = line + packed
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _next(file: Any) -> tuple[dict[str, Any], bytes] | None:
    """The next frame's JSON and packed bytes, or None where no whole one follows."""
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    length, crc32 = _HEAD.unpack(head)
    left = os.fstat(file.fileno()).st_size - file.tell()
    payload = file.read(length) if length <= left else b""
    if len(payload) != length or zlib.crc32(payload) != crc32 or b"\n" not in payload:
        return None
    line, packed = payload.split(b"\n", 1)
    return cast(dict[str, Any], json.loads(line)), packed


def _decoded(about: dict[str, Any], packed: bytes) -> JournalFrame:
    gaze = GazeSamples(np.frombuffer(packed, SAMPLE_DTYPE, about["gaze"]), about["origin"])
    audio: list[AudioChunk] = []
    at = about["gaze"] * SAMPLE_DTYPE.itemsize
    for t0_ns, t1_ns, first_sample, rate_hz, n in about["audio"]:
        audio.append(AudioChunk(t0_ns, t1_ns, first_sample, rate_hz, np.frombuffer(packed, _AUDIO_DTYPE, n, at)))
        at += n * _AUDIO_DTYPE.itemsize
    batch = RawBatch(
        gaze,
        tuple(_viewport(fields) for fields in about["viewports"]),
        tuple(SpokenSentence(*fields) for fields in about["sentences"]),
        tuple(Notification(*fields) for fields in about["notifications"]),
        tuple(audio),
        tuple(TextEdit(*fields) for fields in about["edits"]),
        tuple(HeardWord(*fields) for fields in about["words"]),
    )
    return JournalFrame(about["next_seq"], batch)


def _viewport_fields(viewport: Viewport) -> list[Any]:
    t, r = viewport.image_to_screen, viewport.region
    where = [t.xx, t.xy, t.yx, t.yy, t.dx, t.dy], [r.left, r.top, r.right, r.bottom]
    return [
        viewport.host_ns,
        viewport.instance_uid,
        viewport.frame,
        *where,
        viewport.window_center,
        viewport.window_width,
        viewport.inverted,
    ]


def _viewport(fields: list[Any]) -> Viewport:
    host_ns, instance_uid, frame, transform, region, *window = fields
    return Viewport(host_ns, instance_uid, frame, Transform("image", "screen", *transform), Rect(*region), *window)


def _sync_folder(folder: Path) -> None:
    """Make a new file's name durable; Windows does so by itself."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
