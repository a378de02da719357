"""The library's tables as they are now; how they came to be so is told by `migrations`.

Here: films, sittings, readings and what is derived from them, which can be deleted and rebuilt from the raw tables
(`raw_tables`). What else belongs to a sitting and its reader is in `sitting_tables`.
"""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from egma_core.store.columns import Id, UtcDateTime, integer, key_part, metadata, nanoseconds, parent, prose, real, row_id, seq, text

HEAD = "0002"
"""The newest migration: the schema that this version of the program reads and writes."""

library = Table("library", metadata, row_id(), text("uid"), Column("created_utc", UtcDateTime, nullable=False), text("program_version"))

reader = Table("reader", metadata, row_id(), text("name"), UniqueConstraint("name"))

patient = Table("patient", metadata, row_id(), text("pseudonym"), UniqueConstraint("pseudonym"))

study = Table(
    "study",
    metadata,
    row_id(),
    parent("patient", index=True),
    text("study_uid"),
    text("split"),
    UniqueConstraint("study_uid"),
)

series = Table("series", metadata, row_id(), parent("study", index=True), text("series_uid"), UniqueConstraint("series_uid"))

instance = Table(
    "instance",
    metadata,
    row_id(),
    parent("series", index=True),
    text("instance_uid"),
    text("sop_class_uid"),
    text("modality"),
    text("view_position"),
    integer("rows"),
    integer("columns"),
    integer("frames"),
    text("file"),
    text("sha256"),
    text("origin"),
    UniqueConstraint("instance_uid"),
)

study_label = Table(
    "study_label",
    metadata,
    key_part("study"),
    Column("label", String, primary_key=True),
    text("origin"),
)

report_sentence = Table(
    "report_sentence",
    metadata,
    key_part("study"),
    seq(),
    prose("text"),
    text("text_origin"),
)

capture_session = Table(
    "capture_session",
    metadata,
    row_id(),
    text("uid"),
    Column("reader_id", Id, ForeignKey("reader.id"), nullable=False, index=True),
    integer("screen_width_px"),
    integer("screen_height_px"),
    real("screen_width_mm"),
    real("screen_height_mm"),
    real("screen_distance_mm"),
    text("tracker_name"),
    text("tracker_model"),
    text("tracker_serial"),
    real("tracker_rate_hz"),
    Column("tracker_capabilities", JSON, nullable=False),
    text("gaze_origin"),
    nanoseconds("host_ns"),
    Column("utc", UtcDateTime, nullable=False),
    text("program_version"),
    Column("protocol_name", String, nullable=False, server_default=""),
    Column("protocol_toml", Text, nullable=False, server_default=""),
    Column("protocol_hash", String, nullable=False, server_default=""),
    Column("microphone", JSON, nullable=False, server_default="{}"),
    UniqueConstraint("uid"),
)

reading = Table(
    "reading",
    metadata,
    row_id(),
    text("uid"),
    Column("capture_session_id", Id, ForeignKey("capture_session.id"), nullable=False, index=True),
    Column("study_id", Id, ForeignKey("study.id"), nullable=False, index=True),
    text("state"),
    nanoseconds("started_ns"),
    Column("started_utc", UtcDateTime, nullable=False),
    Column("ended_ns", BigInteger),
    Column("n_chunks", Integer),  # written at the end, so that a chunk missing at the tail is noticed
    prose("note"),
    Column("n_audio_chunks", Integer),  # likewise
    UniqueConstraint("uid"),
    CheckConstraint("state IN ('recording', 'complete', 'recovered', 'discarded', 'aborted')", name="state"),
)

derivation = Table(
    "derivation",
    metadata,
    row_id(),
    parent("reading"),
    Column("recipe", JSON, nullable=False),
    text("recipe_hash"),
    text("gaze_origin"),
    Column("created_utc", UtcDateTime, nullable=False),
    text("program_version"),
    Column("inputs", JSON, nullable=False, server_default="{}"),
    UniqueConstraint("reading_id", "recipe_hash"),
)

fixation = Table(
    "fixation",
    metadata,
    key_part("derivation"),
    seq(),
    real("onset_s"),
    real("offset_s"),
    real("x_px", nullable=True),
    real("y_px", nullable=True),
    real("screen_x_px", nullable=True),
    real("screen_y_px", nullable=True),
    real("dispersion_deg", nullable=True),
    real("px_per_deg", nullable=True),
    Column("viewport_seq", Integer),  # NULL where no film was under the gaze
    text("gaze_origin"),
)

sentence_gaze_map = Table(
    "sentence_gaze_map",
    metadata,
    row_id(),
    parent("derivation"),
    Column("seq", Integer, nullable=False),
    Column("sentence_id", Id, ForeignKey("sentence.id", ondelete="CASCADE"), index=True),  # NULL: the sentence was never recorded
    prose("text"),
    real("onset_s"),
    real("offset_s"),
    text("text_origin"),
    text("instance_uid"),
    real("window_start_s"),
    real("window_end_s"),
    text("policy"),
    text("gaze_origin"),
    UniqueConstraint("derivation_id", "seq"),
)

gaze_map_weight = Table(
    "gaze_map_weight",
    metadata,
    key_part("sentence_gaze_map"),
    seq(),
    integer("fixation_seq"),
    *(real(name) for name in ("x_px", "y_px", "sigma_px", "weight_s")),
    *(real(f"visible_{side}_px") for side in ("left", "top", "right", "bottom")),
    text("gaze_origin"),
)
