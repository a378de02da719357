"""Packed blocks of samples as rows: checksummed when written, and checked, one by one and in sequence, when read back."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from egma_core.errors import StoreError
from egma_core.gaze.samples import SAMPLE_DTYPE, SAMPLE_FORMAT, GazeSamples

AUDIO_FORMAT = "pcm-s16le"
"""Format of a chunk of audio: one channel, 16 bits a sample, little-endian, as in a WAV file."""

_SIZES = {SAMPLE_FORMAT: SAMPLE_DTYPE.itemsize, AUDIO_FORMAT: 2}


def chunk_row(kind: str, payload: bytes, t0_ns: int, t1_ns: int) -> dict[str, Any]:
    """The columns of a block of samples in format `kind`, whose times on the host clock go from `t0_ns` to `t1_ns`."""
    n = len(payload) // _SIZES[kind]
    return {"t0_ns": t0_ns, "t1_ns": t1_ns, "n": n, "crc32": zlib.crc32(payload), "format": kind, "payload": payload}


def gaze_row(samples: GazeSamples) -> dict[str, Any]:
    """The columns of a block of gaze samples; of an empty one, all its times are 0.

    Raises:
        StoreError: They are not in the format that chunks are kept in.
    """
    if samples.rows.dtype != SAMPLE_DTYPE:
        raise StoreError("Samples are not in the format that chunks are kept in.", "Build them with GazeSamples.")
    t0_ns, t1_ns = (int(samples.host_ns[0]), int(samples.host_ns[-1])) if len(samples) else (0, 0)
    return chunk_row(SAMPLE_FORMAT, samples.rows.tobytes(), t0_ns, t1_ns)


def intact(row: Any) -> bool:
    """Whether a row holds what was written."""
    size = _SIZES.get(row.format, 0)
    return size > 0 and len(row.payload) == row.n * size and zlib.crc32(row.payload) == row.crc32


def whole(rows: Iterable[Any], *, of: str, started_ns: int, first_seq: int = 0, n_chunks: int | None = None) -> Sequence[Any]:
    """The rows themselves, if they are intact and without a gap.

    Args:
        rows: A reading's chunks in order of `seq`, from `first_seq` on.
        of: What they are of, for the message: "the gaze of reading 3".
        started_ns: The reading's start on the host clock.
        first_seq: Number of the first.
        n_chunks: How many chunks there must be, counted from 0; None while more may come.

    Raises:
        StoreError: One is missing or damaged; the message says which and when.
    """
    found: list[Any] = []
    expected, end_ns = first_seq, started_ns
    for row in rows:
        if row.seq != expected:
            raise _gap(of, expected, row.seq - 1, end_ns - started_ns, row.t0_ns - started_ns)
        if not intact(row):
            raise _gap(of, row.seq, row.seq, row.t0_ns - started_ns, row.t1_ns - started_ns)
        expected, end_ns = row.seq + 1, row.t1_ns
        found.append(row)
    if n_chunks is not None and expected < n_chunks:
        raise _gap(of, expected, n_chunks - 1, end_ns - started_ns, None)
    return found


def _gap(of: str, first: int, last: int, from_ns: int, to_ns: int | None) -> StoreError:
    chunks = f"Chunk {first} is" if first == last else f"Chunks {first} to {last} are"
    until = "the end" if to_ns is None else f"{to_ns / 1e9:.2f} s"
    what = f"{chunks} missing or damaged in {of} (from {from_ns / 1e9:.2f} s to {until})."
    return StoreError(what, "Restore a backup copy, or leave this reading out.")
