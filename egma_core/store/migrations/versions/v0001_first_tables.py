"""The first tables: films, sittings, readings with their raw rows, and what is derived from them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RAW = ("gaze_chunk", "viewport", "sentence", "notification")
REFUSAL = "raw rows are never updated"


def upgrade() -> None:
    _films()
    _sittings()
    _raw()
    _derived()
    _refuse_updates()


def _films() -> None:
    op.create_table(
        "library",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("created_utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("program_version", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_library")),
    )
    op.create_table(
        "patient",
        sa.Column("id", ID, nullable=False),
        sa.Column("pseudonym", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_patient_pseudonym")),
    )
    op.create_table(
        "study",
        sa.Column("id", ID, nullable=False),
        sa.Column("patient_id", ID, nullable=False),
        sa.Column("study_uid", sa.String(), nullable=False),
        sa.Column("split", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_study_patient_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("study_uid", name=op.f("uq_study_study_uid")),
    )
    op.create_index(op.f("ix_study_patient_id"), "study", ["patient_id"])
    op.create_table(
        "series",
        sa.Column("id", ID, nullable=False),
        sa.Column("study_id", ID, nullable=False),
        sa.Column("series_uid", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_series_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
        sa.UniqueConstraint("series_uid", name=op.f("uq_series_series_uid")),
    )
    op.create_index(op.f("ix_series_study_id"), "series", ["study_id"])
    op.create_table(
        "instance",
        sa.Column("id", ID, nullable=False),
        sa.Column("series_id", ID, nullable=False),
        sa.Column("instance_uid", sa.String(), nullable=False),
        sa.Column("sop_class_uid", sa.String(), nullable=False),
        sa.Column("modality", sa.String(), nullable=False),
        sa.Column("view_position", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("columns", sa.Integer(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_instance_series_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instance")),
        sa.UniqueConstraint("instance_uid", name=op.f("uq_instance_instance_uid")),
    )
    op.create_index(op.f("ix_instance_series_id"), "instance", ["series_id"])
    op.create_table(
        "study_label",
        sa.Column("study_id", ID, nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_study_label_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_id", "label", name=op.f("pk_study_label")),
    )
    op.create_table(
        "report_sentence",
        sa.Column("study_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("text_origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_report_sentence_study_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_id", "seq", name=op.f("pk_report_sentence")),
    )


def _sittings() -> None:
    op.create_table(
        "reader",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reader")),
        sa.UniqueConstraint("name", name=op.f("uq_reader_name")),
    )
    op.create_table(
        "capture_session",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("reader_id", ID, nullable=False),
        sa.Column("screen_width_px", sa.Integer(), nullable=False),
        sa.Column("screen_height_px", sa.Integer(), nullable=False),
        sa.Column("screen_width_mm", sa.Double(), nullable=False),
        sa.Column("screen_height_mm", sa.Double(), nullable=False),
        sa.Column("screen_distance_mm", sa.Double(), nullable=False),
        sa.Column("tracker_name", sa.String(), nullable=False),
        sa.Column("tracker_model", sa.String(), nullable=False),
        sa.Column("tracker_serial", sa.String(), nullable=False),
        sa.Column("tracker_rate_hz", sa.Double(), nullable=False),
        sa.Column("tracker_capabilities", sa.JSON(), nullable=False),
        sa.Column("gaze_origin", sa.String(), nullable=False),
        sa.Column("host_ns", sa.BigInteger(), nullable=False),
        sa.Column("utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("program_version", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["reader_id"], ["reader.id"], name=op.f("fk_capture_session_reader_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_capture_session")),
        sa.UniqueConstraint("uid", name=op.f("uq_capture_session_uid")),
    )
    op.create_index(op.f("ix_capture_session_reader_id"), "capture_session", ["reader_id"])
    op.create_table(
        "reading",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("capture_session_id", ID, nullable=False),
        sa.Column("study_id", ID, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("started_ns", sa.BigInteger(), nullable=False),
        sa.Column("started_utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_ns", sa.BigInteger(), nullable=True),
        sa.Column("n_chunks", sa.Integer(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('recording', 'complete', 'recovered', 'discarded', 'aborted')", name=op.f("ck_reading_state")),
        sa.ForeignKeyConstraint(["capture_session_id"], ["capture_session.id"], name=op.f("fk_reading_capture_session_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_reading_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reading")),
        sa.UniqueConstraint("uid", name=op.f("uq_reading_uid")),
    )
    op.create_index(op.f("ix_reading_capture_session_id"), "reading", ["capture_session_id"])
    op.create_index(op.f("ix_reading_study_id"), "reading", ["study_id"])


def _raw() -> None:
    op.create_table(
        "gaze_chunk",
        sa.Column("reading_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("t0_ns", sa.BigInteger(), nullable=False),
        sa.Column("t1_ns", sa.BigInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("crc32", sa.BigInteger(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("gaze_origin", sa.String(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["reading_id"], ["reading.id"], name=op.f("fk_gaze_chunk_reading_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("reading_id", "seq", name=op.f("pk_gaze_chunk")),
    )
    op.create_index(op.f("ix_gaze_chunk_reading_id_t0_ns_t1_ns_n"), "gaze_chunk", ["reading_id", "t0_ns", "t1_ns", "n"])
    op.create_table(
        "viewport",
        sa.Column("reading_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("host_ns", sa.BigInteger(), nullable=False),
        sa.Column("instance_uid", sa.String(), nullable=False),
        sa.Column("frame", sa.Integer(), nullable=False),
        sa.Column("image_to_screen_xx", sa.Double(), nullable=False),
        sa.Column("image_to_screen_xy", sa.Double(), nullable=False),
        sa.Column("image_to_screen_yx", sa.Double(), nullable=False),
        sa.Column("image_to_screen_yy", sa.Double(), nullable=False),
        sa.Column("image_to_screen_dx", sa.Double(), nullable=False),
        sa.Column("image_to_screen_dy", sa.Double(), nullable=False),
        sa.Column("region_left_px", sa.Double(), nullable=False),
        sa.Column("region_top_px", sa.Double(), nullable=False),
        sa.Column("region_right_px", sa.Double(), nullable=False),
        sa.Column("region_bottom_px", sa.Double(), nullable=False),
        sa.Column("window_center", sa.Double(), nullable=True),
        sa.Column("window_width", sa.Double(), nullable=True),
        sa.Column("inverted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["reading_id"], ["reading.id"], name=op.f("fk_viewport_reading_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("reading_id", "seq", name=op.f("pk_viewport")),
    )
    op.create_table(
        "sentence",
        sa.Column("id", ID, nullable=False),
        sa.Column("reading_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("onset_ns", sa.BigInteger(), nullable=False),
        sa.Column("offset_ns", sa.BigInteger(), nullable=False),
        sa.Column("text_origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["reading_id"], ["reading.id"], name=op.f("fk_sentence_reading_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sentence")),
        sa.UniqueConstraint("reading_id", "seq", name=op.f("uq_sentence_reading_id_seq")),
    )
    op.create_table(
        "notification",
        sa.Column("reading_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("host_ns", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["reading_id"], ["reading.id"], name=op.f("fk_notification_reading_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("reading_id", "seq", name=op.f("pk_notification")),
    )


def _derived() -> None:
    op.create_table(
        "derivation",
        sa.Column("id", ID, nullable=False),
        sa.Column("reading_id", ID, nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("recipe_hash", sa.String(), nullable=False),
        sa.Column("gaze_origin", sa.String(), nullable=False),
        sa.Column("created_utc", sa.DateTime(timezone=True), nullable=False),
        sa.Column("program_version", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["reading_id"], ["reading.id"], name=op.f("fk_derivation_reading_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_derivation")),
        sa.UniqueConstraint("reading_id", "recipe_hash", name=op.f("uq_derivation_reading_id_recipe_hash")),
    )
    op.create_table(
        "fixation",
        sa.Column("derivation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("onset_s", sa.Double(), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("x_px", sa.Double(), nullable=True),
        sa.Column("y_px", sa.Double(), nullable=True),
        sa.Column("screen_x_px", sa.Double(), nullable=True),
        sa.Column("screen_y_px", sa.Double(), nullable=True),
        sa.Column("dispersion_deg", sa.Double(), nullable=True),
        sa.Column("px_per_deg", sa.Double(), nullable=True),
        sa.Column("viewport_seq", sa.Integer(), nullable=True),
        sa.Column("gaze_origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["derivation_id"], ["derivation.id"], name=op.f("fk_fixation_derivation_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("derivation_id", "seq", name=op.f("pk_fixation")),
    )
    op.create_table(
        "sentence_gaze_map",
        sa.Column("id", ID, nullable=False),
        sa.Column("derivation_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("sentence_id", ID, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("onset_s", sa.Double(), nullable=False),
        sa.Column("offset_s", sa.Double(), nullable=False),
        sa.Column("text_origin", sa.String(), nullable=False),
        sa.Column("instance_uid", sa.String(), nullable=False),
        sa.Column("window_start_s", sa.Double(), nullable=False),
        sa.Column("window_end_s", sa.Double(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("gaze_origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["derivation_id"], ["derivation.id"], name=op.f("fk_sentence_gaze_map_derivation_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sentence_id"], ["sentence.id"], name=op.f("fk_sentence_gaze_map_sentence_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sentence_gaze_map")),
        sa.UniqueConstraint("derivation_id", "seq", name=op.f("uq_sentence_gaze_map_derivation_id_seq")),
    )
    op.create_index(op.f("ix_sentence_gaze_map_sentence_id"), "sentence_gaze_map", ["sentence_id"])
    op.create_table(
        "gaze_map_weight",
        sa.Column("sentence_gaze_map_id", ID, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fixation_seq", sa.Integer(), nullable=False),
        sa.Column("x_px", sa.Double(), nullable=False),
        sa.Column("y_px", sa.Double(), nullable=False),
        sa.Column("sigma_px", sa.Double(), nullable=False),
        sa.Column("weight_s", sa.Double(), nullable=False),
        sa.Column("visible_left_px", sa.Double(), nullable=False),
        sa.Column("visible_top_px", sa.Double(), nullable=False),
        sa.Column("visible_right_px", sa.Double(), nullable=False),
        sa.Column("visible_bottom_px", sa.Double(), nullable=False),
        sa.Column("gaze_origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sentence_gaze_map_id"], ["sentence_gaze_map.id"], name=op.f("fk_gaze_map_weight_sentence_gaze_map_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("sentence_gaze_map_id", "seq", name=op.f("pk_gaze_map_weight")),
    )


def _refuse_updates() -> None:
    """Raw rows are written once: the database itself refuses to change one."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    if postgresql:
        body = f"BEGIN RAISE EXCEPTION '{REFUSAL}'; END"
        op.execute(f"CREATE FUNCTION egma_refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$")
    for table in RAW:
        start = f"CREATE TRIGGER {table}_written_once BEFORE UPDATE ON {table}"
        if postgresql:
            op.execute(f"{start} FOR EACH ROW EXECUTE FUNCTION egma_refuse_update()")
        else:
            op.execute(f"{start} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END")
