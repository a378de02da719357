"""Raw tables: what was recorded, written once and never updated; the database itself refuses it.

Of one reading's rows each table's are counted from 0, so that a missing one is noticed.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, UniqueConstraint

from egma_core.store.columns import Id, chunk, integer, key_part, metadata, nanoseconds, prose, real, row_id, seq, text

RAW_TABLES = ("gaze_chunk", "viewport", "sentence", "notification", "audio_chunk", "text_edit", "word")

gaze_chunk = Table(
    "gaze_chunk",
    metadata,
    key_part("reading"),
    seq(),
    *chunk(),
    text("gaze_origin"),
    Index(None, "reading_id", "t0_ns", "t1_ns", "n"),  # answers counts and time ranges without touching payloads
)

viewport = Table(
    "viewport",
    metadata,
    key_part("reading"),
    seq(),
    nanoseconds("host_ns"),
    text("instance_uid"),
    integer("frame"),
    *(real(f"image_to_screen_{name}") for name in ("xx", "xy", "yx", "yy", "dx", "dy")),
    *(real(f"region_{side}_px") for side in ("left", "top", "right", "bottom")),
    real("window_center", nullable=True),
    real("window_width", nullable=True),
    Column("inverted", Boolean, nullable=False),
)

sentence = Table(
    "sentence",
    metadata,
    row_id(),
    Column("reading_id", Id, ForeignKey("reading.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    prose("text"),
    nanoseconds("onset_ns"),
    nanoseconds("offset_ns"),
    text("text_origin"),
    UniqueConstraint("reading_id", "seq"),
)

notification = Table("notification", metadata, key_part("reading"), seq(), nanoseconds("host_ns"), text("kind"), prose("text"))

audio_chunk = Table(
    "audio_chunk",
    metadata,
    key_part("reading"),
    seq(),
    *chunk(),
    nanoseconds("first_sample"),
    integer("rate_hz"),
    Index(None, "reading_id", "first_sample", "t1_ns", "n"),  # as for gaze_chunk
)

text_edit = Table(
    "text_edit",
    metadata,
    key_part("reading"),
    seq(),
    nanoseconds("host_ns"),
    integer("line"),
    integer("position"),
    prose("removed"),
    prose("inserted"),
)

word = Table(
    "word",
    metadata,
    key_part("reading"),
    seq(),
    prose("text"),
    nanoseconds("onset_ns"),
    nanoseconds("offset_ns"),
    real("confidence", nullable=True),
    text("engine"),
)
