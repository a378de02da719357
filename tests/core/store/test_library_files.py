"""Opening libraries: what is made, what is refused and in which words, and how an older one is brought up to date."""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from egma_core.errors import MissingExtraError, StoreError
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Transform
from egma_core.store import raw_tables, schema, sqlite_file, tables
from egma_core.store.database import Address, Database
from egma_core.store.store import Store
from egma_core.store.values import AudioChunk, FilmRecord, HeardWord, Notification, RawBatch, SpokenSentence, TextEdit

Samples = Callable[..., GazeSamples]
Begin = Callable[..., int]


def test_a_library_is_a_file_and_a_folder(tmp_path: Path) -> None:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        assert store.files == tmp_path / "library.files"
        assert store.files.is_dir()
        assert store.location == str(tmp_path / "library.sqlite")
        library_id = store.library_id
        assert re.fullmatch("[0-9a-f]{32}", library_id)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["library.files", "library.sqlite"], "its log is merged when it is closed"
    assert (tmp_path / "library.sqlite").read_bytes()[68:72] == b"GAZE"
    with Store.open(f"sqlite:///{tmp_path / 'library.sqlite'}") as store:
        assert store.library_id == library_id
    with Store.open(str(tmp_path / "library.sqlite"), create=True) as store:
        assert store.library_id == library_id, "making a library where there is one opens that one"


@pytest.mark.parametrize(("name", "files"), [("a.sqlite", "a.files"), ("a.DB", "a.files"), ("v1.2", "v1.2.files"), ("a", "a.files")])
def test_the_folder_is_named_after_the_file(tmp_path: Path, name: str, files: str) -> None:
    assert Address.of(tmp_path / name).files == tmp_path / files


def test_what_is_not_a_library_is_refused_and_left_alone(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no library at"):
        Store.open(tmp_path / "none.sqlite")
    with pytest.raises(StoreError, match="its folder does not exist"):
        Store.open(tmp_path / "no" / "where.sqlite", create=True)
    with pytest.raises(StoreError, match="is a folder"):
        Store.open(tmp_path, create=True)
    text = tmp_path / "text.sqlite"
    text.write_text("not a database", encoding="utf-8")
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    for path in (text, other):
        before = path.read_bytes()
        for create in (False, True):
            with pytest.raises(StoreError, match="is not a library"):
                Store.open(path, create=create)
        assert path.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.sqlite", "text.sqlite"]


def test_a_library_whose_making_was_interrupted_is_made_whole(tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    sqlite_file.make_file(path)
    with pytest.raises(StoreError, match=r"no library in .* yet"):
        Store.open(path)
    with Store.open(path, create=True) as store:
        assert store.studies() == []
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE alembic_version")
    for create in (False, True):
        with pytest.raises(StoreError, match="not a library of this program"):
            Store.open(path, create=create)


def test_a_damaged_library_is_reported_in_words(library_path: Path, begin: Begin, samples: Samples) -> None:
    with Store.open(library_path) as store:
        reading_id = begin(store)
        for i in range(20):
            store.append(reading_id, RawBatch(samples(60, at_ms=100 * i)))
    content = bytearray(library_path.read_bytes())
    content[8192:-4096] = bytes(len(content) - 12288)
    library_path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged"):
        Store.open(library_path)


def test_damage_within_is_part_of_the_health(library_path: Path, begin: Begin, samples: Samples) -> None:
    with Store.open(library_path) as store:
        reading_id = begin(store)
        for i in range(40):
            store.append(reading_id, RawBatch(samples(60, at_ms=100 * i)))
    content = bytearray(library_path.read_bytes())
    content[-8192:] = b"\xff" * 8192
    library_path.write_bytes(content)
    with Store.open(library_path, read_only=True) as store:
        assert store.check().integrity != "ok"


def _tamper(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TRIGGER gaze_chunk_written_once")
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (
            "DELETE FROM gaze_chunk WHERE seq IN (1, 2)",
            r"Chunks 1 to 2 are missing or damaged in the gaze of reading 1 \(from 0.09 s to 0.30 s\)",
        ),
        ("DELETE FROM gaze_chunk WHERE seq = 0", r"Chunk 0 is missing .* \(from 0.00 s to 0.10 s\)"),
        ("DELETE FROM gaze_chunk WHERE seq = 4", r"Chunk 4 is missing .* \(from 0.39 s to the end\)"),
        ("UPDATE gaze_chunk SET payload = zeroblob(792) WHERE seq = 3", r"Chunk 3 is missing or damaged .* \(from 0.30 s to 0.39 s\)"),
        ("UPDATE gaze_chunk SET format = 'egma-gaze-9' WHERE seq = 3", "Chunk 3 is"),
    ],
)
def test_a_gap_in_the_gaze_is_named(library_path: Path, begin: Begin, samples: Samples, statement: str, words: str) -> None:
    with Store.open(library_path) as store:
        reading_id = begin(store)
        for i in range(5):
            store.append(reading_id, RawBatch(samples(12, at_ms=100 * i)))
        store.end_reading(reading_id, "complete", 10**15 + 500_000_000)
        assert len(store.gaze(reading_id)) == 60
    _tamper(library_path, statement)
    with Store.open(library_path) as store:
        with pytest.raises(StoreError, match=words):
            store.gaze(reading_id)
        (reading,) = store.check().readings
        n_gaps = 2 if "1, 2" in statement else 1
        assert (reading.n_gaps, reading.n_samples) == (n_gaps, 60 - 12 * n_gaps)


@pytest.mark.parametrize("table", raw_tables.RAW_TABLES)
def test_raw_rows_cannot_be_changed(table: str, store: Store, begin: Begin, samples: Samples) -> None:
    reading_id = begin(store)
    view = Viewport(1, "", 1, Transform.scaling("image", "screen", 1.0, 1.0), Rect(0.0, 0.0, 1.0, 1.0))
    audio = AudioChunk(1, 2, 0, 16000, np.zeros(3, np.int16))
    others = ((SpokenSentence("x", 1, 2, "typed"),), (Notification(1, "a", "b"),), (audio,), (TextEdit(1, 0, 0, "", "x"),))
    store.append(reading_id, RawBatch(samples(3), (view,), *others, (HeardWord("x", 1, 2, None, "fake"),)))
    with (
        pytest.raises(StoreError, match="Raw rows are written once"),
        store._database.write() as connection,  # the store itself offers no way to try
    ):
        connection.exec_driver_sql(f"UPDATE {table} SET reading_id = reading_id")


def test_a_library_open_for_reading_is_not_written(library_path: Path, film: Callable[..., FilmRecord]) -> None:
    before = library_path.read_bytes()
    with Store.open(library_path, read_only=True) as store:
        assert store.studies() == []
        with pytest.raises(StoreError, match="for reading only"):
            store.add_film(film(1))
        with pytest.raises(StoreError, match="for reading only"), store._database.read() as connection:
            connection.exec_driver_sql("DELETE FROM library")
    assert library_path.read_bytes() == before


def test_readers_are_not_held_up_by_a_writer(library_path: Path, film: Callable[..., FilmRecord]) -> None:
    with Store.open(library_path) as store, Store.open(library_path) as other:
        store.add_film(film(1))
        found: list[int] = []

        def count(source: Store) -> None:
            found.append(len(source.studies()))

        with store._database.write() as connection:
            connection.exec_driver_sql("DELETE FROM study")
            threads = [threading.Thread(target=count, args=(source,)) for source in (store, other)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(5)
        assert found == [1, 1]
        assert store.studies() == []


def test_a_library_that_is_held_says_so(library_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "BUSY_MS", 50)
    with Store.open(library_path) as store, Store.open(library_path) as holder:
        with holder._database.write(), pytest.raises(StoreError, match="held by another program"):
            store.add_reader("Dr A")
        store.add_reader("Dr A")


def test_an_old_sqlite_merges_its_log_only_while_recording(
    library_path: Path, begin: Begin, samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_file.dbapi(), "sqlite_version_info", (3, 40, 1))
    log = library_path.with_name("library.sqlite-wal")
    with Store.open(library_path) as store:
        for n in range(600):
            store.add_reader(f"Reader {n}")
        grown = log.stat().st_size
        assert grown > 1000 * 4096, "nobody merged it"
        reading_id = begin(store)
        for n in range(900):
            store.append(reading_id, RawBatch(samples(1, at_ms=100 * n)))
        assert log.stat().st_size < 2 * grown, "the log is used over again once it is merged"
        assert store.check().integrity == "ok"
    assert not log.exists()


def test_what_a_write_answered_survives_a_killed_process(library_path: Path) -> None:
    code = (
        "import os, sys\nfrom egma_core.store.store import Store\n"
        "store = Store.open(sys.argv[1])\nprint(store.add_reader('Dr A').id, flush=True)\nos._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(library_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (9, "1")
    with Store.open(library_path) as store:
        assert [reader.name for reader in store.readers()] == ["Dr A"]
        assert store.check().integrity == "ok"


def test_two_processes_may_make_the_same_library(tmp_path: Path) -> None:
    code = "import sys\nfrom egma_core.store.store import Store\nprint(Store.open(sys.argv[1], create=True).library_id)"
    command = [sys.executable, "-c", code, str(tmp_path / "library.sqlite")]
    makers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert len({maker.communicate()[0] for maker in makers}) == 1
    assert [maker.returncode for maker in makers] == [0, 0]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://egma@host/name", "does not say where films are kept"),
        ("mysql://egma@host/name", "cannot be kept in mysql"),
        ("nonsense://", "URL cannot be read|cannot be kept in nonsense"),
        ("postgresql+nodriver://egma@host/name?egma_files=x", "names a driver"),
    ],
)
def test_a_url_that_leads_nowhere_is_refused(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        Store.open(url)


def test_a_url_shows_no_password(tmp_path: Path) -> None:
    address = Address.of(f"postgresql+psycopg://egma:secret@127.0.0.1:1/name?egma_files={tmp_path}")
    assert "secret" not in address.name
    assert address.files == tmp_path
    pytest.importorskip("psycopg", reason="the PostgreSQL driver is not installed")
    with pytest.raises(StoreError, match=r"server .* does not answer") as raised:
        Store.open(f"postgresql+psycopg://egma:secret@127.0.0.1:1/name?egma_files={tmp_path}")
    assert "secret" not in str(raised.value)


def test_a_missing_driver_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingExtraError, match=re.escape("egma[postgresql]")):
        Database(Address.of(f"postgresql+psycopg2cffi://egma@host/name?egma_files={tmp_path}"), read_only=False)


# The schema and its migrations


def test_migrations_make_exactly_the_tables(store: Store) -> None:
    with store._database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, tables.metadata) == []


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(schema._config()).get_heads() == [tables.HEAD]


def test_a_newer_library_is_refused(library_path: Path) -> None:
    with closing(sqlite3.connect(library_path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = library_path.read_bytes()
    with pytest.raises(StoreError, match="made by a newer version"):
        Store.open(library_path)
    assert library_path.read_bytes() == before


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("study") as batch:
        batch.add_column(sa.Column("comment", sa.String(), nullable=False, server_default="none"))
"""


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let this program be one with one more migration; returns its file."""
    folder = tmp_path / "migrations"
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "versions" / "v9001_next.py"
    file.write_text(NEXT, encoding="utf-8")
    monkeypatch.setattr(schema, "MIGRATIONS", folder)
    monkeypatch.setattr(tables, "HEAD", "9001")
    return file


def test_an_older_library_is_brought_up_to_date_after_a_copy(
    library_path: Path, begin: Begin, samples: Samples, next_version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(tables, "HEAD", "0002")
        with Store.open(library_path) as store:
            reading_id = begin(store)
            store.append(reading_id, RawBatch(samples(12)))
            library_id = store.library_id
    with pytest.raises(StoreError, match="Open it once for writing"):
        Store.open(library_path, read_only=True)
    with Store.open(library_path) as store:
        assert store.library_id == library_id
        assert len(store.gaze(reading_id)) == 12
        with store._database.read() as connection:
            assert connection.exec_driver_sql("SELECT comment FROM study").scalars().all() == ["none"]
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    copy = library_path.with_name("library.before-upgrade-from-0002.sqlite")
    monkeypatch.setattr(tables, "HEAD", "0002")
    with Store.open(copy) as store:
        assert len(store.gaze(reading_id)) == 12


def test_an_upgrade_that_fails_changes_nothing(library_path: Path, next_version: Path, caplog: pytest.LogCaptureFixture) -> None:
    next_version.write_text(NEXT + '    op.execute("INSERT INTO study (no_such_column) VALUES (1)")\n', encoding="utf-8")
    with caplog.at_level(logging.CRITICAL), pytest.raises(StoreError, match=r"no_such_column|no column"):
        Store.open(library_path)
    with closing(sqlite3.connect(library_path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
        assert "comment" not in [row[1] for row in connection.execute("PRAGMA table_info(study)")]
