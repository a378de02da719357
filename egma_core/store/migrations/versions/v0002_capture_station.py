"""The capture station: audio, key strokes, words, calibrations, decisions, revised texts, consent and erasure."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
NEW_RAW = ("audio_chunk", "text_edit", "word")
ADDED_ONLY = (
    "calibration_attempt",
    "calibration_gaze",
    "calibration_use",
    "gaze_correction",
    "clock_fit",
    "reading_decision",
    "revision",
    "revised_sentence",
    "revised_word",
    "consent",
    "erasure",
)
REFUSAL = "raw rows are never updated"


def upgrade() -> None:
    _columns()
    _raw()
    _calibrations()
    _judgements()
    _revisions()
    _people()
    _refuse_updates()


def _columns() -> None:
    with op.batch_alter_table("capture_session") as batch:
        batch.add_column(sa.Column("protocol_name", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("protocol_toml", sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("protocol_hash", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("microphone", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("reading") as batch:
        batch.add_column(sa.Column("n_audio_chunks", sa.Integer(), nullable=True))
    with op.batch_alter_table("derivation") as batch:
        batch.add_column(sa.Column("inputs", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("sentence_gaze_map") as batch:
        batch.alter_column("sentence_id", existing_type=ID, nullable=True)


def _key(table: str, column: str, parent: str, *numbers: str) -> list[Any]:
    """The key (row of `parent`, numbers) of a table."""
    return [
        sa.Column(column, ID, nullable=False),
        *(sa.Column(number, sa.Integer(), autoincrement=False, nullable=False) for number in numbers),
        sa.ForeignKeyConstraint([column], [f"{parent}.id"], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(column, *numbers, name=op.f(f"pk_{table}")),
    ]


def _numbered(table: str, parent: str = "") -> list[Any]:
    """The key of a table that numbers itself, and the row of `parent` that it goes with."""
    key: list[Any] = [sa.Column("id", ID, nullable=False), sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))]
    if parent:
        key += [
            sa.Column(f"{parent}_id", ID, nullable=False),
            sa.ForeignKeyConstraint([f"{parent}_id"], [f"{parent}.id"], name=op.f(f"fk_{table}_{parent}_id"), ondelete="CASCADE"),
        ]
    return key


def _index(table: str, *columns: str) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, list(columns))


def _chunk() -> list[Any]:
    return [
        sa.Column("t0_ns", sa.BigInteger(), nullable=False),
        sa.Column("t1_ns", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
    ]


def _raw() -> None:
    op.create_table(
        "audio_chunk",
        *_key("audio_chunk", "reading_id", "reading", "seq"),
        *_chunk(),
        sa.Column("first_sample", sa.BigInteger(), nullable=False),
        sa.Column("rate_hz", sa.Integer(), nullable=False),
    )
    _index("audio_chunk", "reading_id", "first_sample", "t1_ns", "n")
    op.create_table(
        "text_edit",
        *_key("text_edit", "reading_id", "reading", "seq"),
        sa.Column("host_ns", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("removed", sa.Text(), nullable=False),
        sa.Column("inserted", sa.Text(), nullable=False),
    )
    op.create_table(
        "word",
        *_key("word", "reading_id", "reading", "seq"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("onset_ns", sa.BigInteger(), nullable=False),
        sa.Column("offset_ns", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("engine", sa.String(), nullable=False),
    )


def _calibrations() -> None:
    op.create_table(
        "calibration_attempt",
        *_numbered("calibration_attempt", "capture_session"),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("host_ns", sa.BigInteger(), nullable=False),
        sa.Column("utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("points", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("uid", name=op.f("uq_calibration_attempt_uid")),
    )
    _index("calibration_attempt", "capture_session_id")
    key = _key("calibration_gaze", "calibration_attempt_id", "calibration_attempt", "seq")
    op.create_table("calibration_gaze", *key, *_chunk())

    def attempt(table: str, column: str, *, nullable: bool) -> list[Any]:
        name = op.f(f"fk_{table}_{column}")
        return [
            sa.Column(column, ID, nullable=nullable),
            sa.ForeignKeyConstraint([column], ["calibration_attempt.id"], name=name, ondelete="CASCADE"),
        ]

    op.create_table(
        "calibration_use",
        *_numbered("calibration_use", "capture_session"),
        sa.Column("host_ns", sa.BigInteger(), nullable=False),
        *attempt("calibration_use", "calibration_id", nullable=True),
        *attempt("calibration_use", "validation_id", nullable=True),
    )
    _index("calibration_use", "capture_session_id")
    op.create_table(
        "gaze_correction",
        *_numbered("gaze_correction", "capture_session"),
        sa.Column("host_ns", sa.BigInteger(), nullable=False),
        *attempt("gaze_correction", "attempt_id", nullable=False),
        sa.Column("dx", sa.Double(), nullable=False),
        sa.Column("dy", sa.Double(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
    )
    _index("gaze_correction", "capture_session_id")


def _judgements() -> None:
    op.create_table(
        "clock_fit",
        *_numbered("clock_fit", "reading"),
        sa.Column("stream", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("offset_ns", sa.BigInteger(), nullable=False),
        sa.Column("drift_ppm", sa.Double(), nullable=False),
        sa.Column("residual_p50_ms", sa.Double(), nullable=False),
        sa.Column("residual_p99_ms", sa.Double(), nullable=False),
        sa.Column("residual_max_ms", sa.Double(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
    )
    _index("clock_fit", "reading_id")
    op.create_table(
        "reading_decision",
        *_numbered("reading_decision", "reading"),
        sa.Column("host_ns", sa.BigInteger(), nullable=False),
        sa.Column("utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
    )
    _index("reading_decision", "reading_id")


def _revisions() -> None:
    op.create_table(
        "revision",
        *_numbered("revision", "reading"),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("created_utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.UniqueConstraint("reading_id", "seq", name=op.f("uq_revision_reading_id_seq")),
    )
    op.create_table(
        "revised_sentence",
        *_key("revised_sentence", "revision_id", "revision", "seq"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("onset_ns", sa.BigInteger(), nullable=False),
        sa.Column("offset_ns", sa.BigInteger(), nullable=False),
        sa.Column("text_origin", sa.String(), nullable=False),
        sa.Column("sentence_id", ID, nullable=True),
        sa.ForeignKeyConstraint(["sentence_id"], ["sentence.id"], name=op.f("fk_revised_sentence_sentence_id"), ondelete="CASCADE"),
    )
    _index("revised_sentence", "sentence_id")
    op.create_table(
        "revised_word",
        *_key("revised_word", "revision_id", "revision", "sentence_seq", "seq"),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("onset_ns", sa.BigInteger(), nullable=False),
        sa.Column("offset_ns", sa.BigInteger(), nullable=False),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("aligner", sa.String(), nullable=False),
    )


def _people() -> None:
    op.create_table(
        "consent",
        *_numbered("consent", "reader"),
        sa.Column("utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text_version", sa.String(), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
    )
    _index("consent", "reader_id")
    op.create_table(
        "erasure",
        *_numbered("erasure"),
        sa.Column("utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reader_id", sa.BigInteger(), nullable=False),
        sa.Column("n_sessions", sa.Integer(), nullable=False),
        sa.Column("n_readings", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("program_version", sa.String(), nullable=False),
    )


def _refuse_updates() -> None:
    """Recorded rows are written once; so is everything that is only ever added to. Deleting, for an erasure, stays possible."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in (*NEW_RAW, *ADDED_ONLY):
        start = f"CREATE TRIGGER {table}_written_once BEFORE UPDATE ON {table}"
        if postgresql:
            op.execute(f"{start} FOR EACH ROW EXECUTE FUNCTION egma_refuse_update()")
        else:
            op.execute(f"{start} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")
