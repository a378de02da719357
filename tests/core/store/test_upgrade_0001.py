"""A library that the first version made: brought up to date with everything in it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from egma_core.errors import StoreError
from egma_core.store import tables
from egma_core.store.store import Store

WRITTEN_BY_0001 = Path(__file__).with_name("library_0001.sql")


@pytest.fixture
def old_library(tmp_path: Path) -> Path:
    """Three readings (complete and processed, recording, discarded) as the first version kept them."""
    path = tmp_path / "library.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(WRITTEN_BY_0001.read_text(encoding="utf-8"))
    return path


def test_everything_is_still_there(old_library: Path) -> None:
    with closing(sqlite3.connect(old_library)) as connection:
        counts = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # names from the schema itself
            for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        }
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    with Store.open(old_library) as store:
        with store._database.read() as connection:
            for table, n in counts.items():
                assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == n, table
            context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
            assert compare_metadata(context, tables.metadata) == []
        health = store.check()
        assert health.integrity == "ok"
        assert [(r.state, r.n_samples, r.n_gaps, r.n_audio_samples, r.n_audio_gaps) for r in health.readings] == [
            ("complete", 120, 0, 0, 0),
            ("recording", 3, 0, 0, 0),
            ("discarded", 3, 0, 0, 0),
        ]
        derivation = store.derivation(1)
        assert derivation is not None
        assert (derivation.inputs, len(derivation.fixations), [m.sentence.id for m in derivation.maps]) == ({}, 4, [1, 2])
        assert [s.text for s in store.sentences(1)] == ["Clear.", "Big heart."]
        assert np.isfinite(store.gaze(1).rows["left_x"]).all()
        assert (store.audio_chunks(1), store.edits(1), store.words(1), store.revisions(1)) == ((), (), (), ())
        assert store.protocol(store.reading(1).session_id) == ("", "")
    copy = old_library.with_name("library.before-upgrade-from-0001.sqlite")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


def test_recording_goes_on_and_rows_stay_protected(old_library: Path) -> None:
    with Store.open(old_library) as store:
        assert store.recover_readings() == (2,)
        store.save_revision(1, store.recorded_sentences(1)[:1], "edited")
        assert [s.text for s in store.sentences(1)] == ["Clear."]
        for table in ("gaze_chunk", "sentence", "revised_sentence"):
            with pytest.raises(StoreError, match="written once"), store._database.write() as connection:
                connection.exec_driver_sql(f"UPDATE {table} SET seq = seq")


def test_it_is_not_opened_for_reading_until_then(old_library: Path) -> None:
    before = old_library.read_bytes()
    with pytest.raises(StoreError, match="Open it once for writing"):
        Store.open(old_library, read_only=True)
    assert old_library.read_bytes() == before
