"""Tables of what belongs to a sitting and its reader beside the readings; rows are only added, except by an erasure."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Integer, LargeBinary, Table, UniqueConstraint

from egma_core.store.columns import Id, UtcDateTime, chunk, integer, key_part, metadata, nanoseconds, parent, prose, real, row_id, seq, text

calibration_attempt = Table(
    "calibration_attempt",
    metadata,
    row_id(),
    text("uid"),
    parent("capture_session", index=True),
    text("kind"),
    nanoseconds("host_ns"),
    Column("utc", UtcDateTime, nullable=False),
    Column("points", JSON, nullable=False),
    Column("outcome", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("data", LargeBinary, nullable=False),
    UniqueConstraint("uid"),
)

calibration_gaze = Table("calibration_gaze", metadata, key_part("calibration_attempt"), seq(), *chunk())

calibration_use = Table(
    "calibration_use",
    metadata,
    row_id(),
    parent("capture_session", index=True),
    nanoseconds("host_ns"),
    Column("calibration_id", Id, ForeignKey("calibration_attempt.id", ondelete="CASCADE")),
    Column("validation_id", Id, ForeignKey("calibration_attempt.id", ondelete="CASCADE")),
)

gaze_correction = Table(
    "gaze_correction",
    metadata,
    row_id(),
    parent("capture_session", index=True),
    nanoseconds("host_ns"),
    Column("attempt_id", Id, ForeignKey("calibration_attempt.id", ondelete="CASCADE"), nullable=False),
    real("dx"),
    real("dy"),
    prose("reason"),
)

clock_fit = Table(
    "clock_fit",
    metadata,
    row_id(),
    parent("reading", index=True),
    text("stream"),
    integer("n"),
    nanoseconds("offset_ns"),
    *(real(name) for name in ("drift_ppm", "residual_p50_ms", "residual_p99_ms", "residual_max_ms")),
    text("verdict"),
)

reading_decision = Table(
    "reading_decision",
    metadata,
    row_id(),
    parent("reading", index=True),
    nanoseconds("host_ns"),
    Column("utc", UtcDateTime, nullable=False),
    text("decision"),
    prose("reason"),
    Column("figures", JSON, nullable=False),
)

revision = Table(
    "revision",
    metadata,
    row_id(),
    parent("reading"),
    Column("seq", Integer, nullable=False),
    Column("created_utc", UtcDateTime, nullable=False),
    prose("reason"),
    UniqueConstraint("reading_id", "seq"),
)

revised_sentence = Table(
    "revised_sentence",
    metadata,
    key_part("revision"),
    seq(),
    prose("text"),
    nanoseconds("onset_ns"),
    nanoseconds("offset_ns"),
    text("text_origin"),
    Column("sentence_id", Id, ForeignKey("sentence.id", ondelete="CASCADE"), index=True),  # the recorded one that it stems from
)

revised_word = Table(
    "revised_word",
    metadata,
    key_part("revision"),
    seq("sentence_seq"),
    seq(),
    prose("text"),
    nanoseconds("onset_ns"),
    nanoseconds("offset_ns"),
    real("confidence", nullable=True),
    text("aligner"),
)

consent = Table(
    "consent",
    metadata,
    row_id(),
    parent("reader", index=True),
    Column("utc", UtcDateTime, nullable=False),
    text("text_version"),
    Column("scope", JSON, nullable=False),
    Column("given", Boolean, nullable=False),
)

erasure = Table(
    "erasure",
    metadata,
    row_id(),
    Column("utc", UtcDateTime, nullable=False),
    nanoseconds("reader_id"),  # the number only
    integer("n_sessions"),
    integer("n_readings"),
    prose("reason"),
    text("program_version"),
)
