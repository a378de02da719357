"""The library's tables as they are now; how they came to be so is told by `migrations`.

Raw tables (`gaze_chunk`, `viewport`, `sentence`, `notification`) are written once and never updated: the database itself
refuses it. Derived tables (`derivation` and what hangs on it) can be deleted and rebuilt from the raw ones.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

HEAD = "0001"
"""The newest migration: the schema that this version of the program reads and writes."""

RAW_TABLES = ("gaze_chunk", "viewport", "sentence", "notification")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; SQLite has no zones, so there it is kept without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Bring a moment to UTC."""
        if value is None:
            return None
        utc = value.astimezone(timezone.utc)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Say again that it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if dialect.name == "sqlite" else value.astimezone(timezone.utc)


Id = BigInteger().with_variant(Integer(), "sqlite")  # only INTEGER makes a self-numbering key there


def _id() -> Column[int]:
    return Column("id", Id, primary_key=True)


def _parent(table: str, **options: Any) -> Column[int]:
    return Column(f"{table}_id", Id, ForeignKey(f"{table}.id", ondelete="CASCADE"), nullable=False, **options)


def _text(name: str) -> Column[str]:
    return Column(name, String, nullable=False)


def _int(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _ns(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _real(name: str, nullable: bool = False) -> Column[float]:
    return Column(name, Double, nullable=nullable)


library = Table("library", metadata, _id(), _text("uid"), Column("created_utc", UtcDateTime, nullable=False), _text("program_version"))

reader = Table("reader", metadata, _id(), _text("name"), UniqueConstraint("name"))

patient = Table("patient", metadata, _id(), _text("pseudonym"), UniqueConstraint("pseudonym"))

study = Table(
    "study",
    metadata,
    _id(),
    _parent("patient", index=True),
    _text("study_uid"),
    _text("split"),
    UniqueConstraint("study_uid"),
)

series = Table("series", metadata, _id(), _parent("study", index=True), _text("series_uid"), UniqueConstraint("series_uid"))

instance = Table(
    "instance",
    metadata,
    _id(),
    _parent("series", index=True),
    _text("instance_uid"),
    _text("sop_class_uid"),
    _text("modality"),
    _text("view_position"),
    _int("rows"),
    _int("columns"),
    _int("frames"),
    _text("file"),
    _text("sha256"),
    _text("origin"),
    UniqueConstraint("instance_uid"),
)

study_label = Table(
    "study_label",
    metadata,
    Column("study_id", Id, ForeignKey("study.id", ondelete="CASCADE"), primary_key=True),
    Column("label", String, primary_key=True),
    _text("origin"),
)

report_sentence = Table(
    "report_sentence",
    metadata,
    Column("study_id", Id, ForeignKey("study.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    _text("text_origin"),
)

capture_session = Table(
    "capture_session",
    metadata,
    _id(),
    _text("uid"),
    Column("reader_id", Id, ForeignKey("reader.id"), nullable=False, index=True),
    _int("screen_width_px"),
    _int("screen_height_px"),
    _real("screen_width_mm"),
    _real("screen_height_mm"),
    _real("screen_distance_mm"),
    _text("tracker_name"),
    _text("tracker_model"),
    _text("tracker_serial"),
    _real("tracker_rate_hz"),
    Column("tracker_capabilities", JSON, nullable=False),
    _text("gaze_origin"),
    _ns("host_ns"),
    Column("utc", UtcDateTime, nullable=False),
    _text("program_version"),
    UniqueConstraint("uid"),
)

reading = Table(
    "reading",
    metadata,
    _id(),
    _text("uid"),
    Column("capture_session_id", Id, ForeignKey("capture_session.id"), nullable=False, index=True),
    Column("study_id", Id, ForeignKey("study.id"), nullable=False, index=True),
    _text("state"),
    _ns("started_ns"),
    Column("started_utc", UtcDateTime, nullable=False),
    Column("ended_ns", BigInteger),
    Column("n_chunks", Integer),  # written at the end, so that a chunk missing at the tail is noticed
    Column("note", Text, nullable=False),
    UniqueConstraint("uid"),
    CheckConstraint("state IN ('recording', 'complete', 'recovered', 'discarded', 'aborted')", name="state"),
)


def _reading_key() -> tuple[Column[int], Column[int]]:
    """(reading_id, seq): rows of one reading are counted from 0, so that a gap can be proved."""
    return (
        Column("reading_id", Id, ForeignKey("reading.id", ondelete="CASCADE"), primary_key=True),
        Column("seq", Integer, primary_key=True, autoincrement=False),
    )


gaze_chunk = Table(
    "gaze_chunk",
    metadata,
    *_reading_key(),
    _ns("t0_ns"),
    _ns("t1_ns"),
    _int("n"),
    _ns("crc32"),
    _text("format"),
    _text("gaze_origin"),
    Column("payload", LargeBinary, nullable=False),
    Index(None, "reading_id", "t0_ns", "t1_ns", "n"),  # answers counts and time ranges without touching payloads
)

viewport = Table(
    "viewport",
    metadata,
    *_reading_key(),
    _ns("host_ns"),
    _text("instance_uid"),
    _int("frame"),
    *(_real(f"image_to_screen_{name}") for name in ("xx", "xy", "yx", "yy", "dx", "dy")),
    *(_real(f"region_{side}_px") for side in ("left", "top", "right", "bottom")),
    _real("window_center", nullable=True),
    _real("window_width", nullable=True),
    Column("inverted", Boolean, nullable=False),
)

sentence = Table(
    "sentence",
    metadata,
    _id(),
    Column("reading_id", Id, ForeignKey("reading.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("text", Text, nullable=False),
    _ns("onset_ns"),
    _ns("offset_ns"),
    _text("text_origin"),
    UniqueConstraint("reading_id", "seq"),
)

notification = Table("notification", metadata, *_reading_key(), _ns("host_ns"), _text("kind"), Column("text", Text, nullable=False))

derivation = Table(
    "derivation",
    metadata,
    _id(),
    _parent("reading"),
    Column("recipe", JSON, nullable=False),
    _text("recipe_hash"),
    _text("gaze_origin"),
    Column("created_utc", UtcDateTime, nullable=False),
    _text("program_version"),
    UniqueConstraint("reading_id", "recipe_hash"),
)

fixation = Table(
    "fixation",
    metadata,
    Column("derivation_id", Id, ForeignKey("derivation.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _real("onset_s"),
    _real("offset_s"),
    _real("x_px", nullable=True),
    _real("y_px", nullable=True),
    _real("screen_x_px", nullable=True),
    _real("screen_y_px", nullable=True),
    _real("dispersion_deg", nullable=True),
    _real("px_per_deg", nullable=True),
    Column("viewport_seq", Integer),  # NULL where no film was under the gaze
    _text("gaze_origin"),
)

sentence_gaze_map = Table(
    "sentence_gaze_map",
    metadata,
    _id(),
    _parent("derivation"),
    Column("seq", Integer, nullable=False),
    Column("sentence_id", Id, ForeignKey("sentence.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("text", Text, nullable=False),
    _real("onset_s"),
    _real("offset_s"),
    _text("text_origin"),
    _text("instance_uid"),
    _real("window_start_s"),
    _real("window_end_s"),
    _text("policy"),
    _text("gaze_origin"),
    UniqueConstraint("derivation_id", "seq"),
)

gaze_map_weight = Table(
    "gaze_map_weight",
    metadata,
    Column("sentence_gaze_map_id", Id, ForeignKey("sentence_gaze_map.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    _int("fixation_seq"),
    *(_real(name) for name in ("x_px", "y_px", "sigma_px", "weight_s")),
    *(_real(f"visible_{side}_px") for side in ("left", "top", "right", "bottom")),
    _text("gaze_origin"),
)
