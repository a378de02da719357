"""`Store`: one library, opened; the only door to its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from egma_core.alignment.maps import SentenceGazeMap
from egma_core.errors import StoreError
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.store import catalogue, derivations, health, raw, recordings, schema
from egma_core.store.database import Address, Database
from egma_core.store.sitting_store import SittingStore
from egma_core.store.sqlite_file import check_file, make_file
from egma_core.store.values import (
    Changes,
    Derivation,
    FilmRecord,
    Health,
    InstanceEntry,
    Notification,
    RawBatch,
    ReaderEntry,
    ReadingEntry,
    ReadingHealth,
    ReadingState,
    ReportSentence,
    StudyEntry,
)
from egma_core.store.word_store import WordStore

_APPENDS_BETWEEN_MERGES = 300


def recipe_hash(recipe: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of a recipe's canonical JSON (sorted keys): the version of what it makes."""
    canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(canonical.encode("utf-8")).hexdigest()


class Store(SittingStore, WordStore):
    """A library: a SQLite file (or a PostgreSQL database) and a folder of films beside it.

    Each method is one transaction: what a write answered is on the disk. Several threads may use one store and several
    processes one library; only `append` to the same reading must come from one place. Every method raises `StoreError`
    when the library cannot be used.
    """

    def __init__(self, database: Database, library_id: str) -> None:
        """Use `open`."""
        super().__init__(database, library_id)
        self._tails: dict[int, raw.Tail] = {}
        self._n_appended = 0

    @classmethod
    def open(cls, location: str | Path, *, create: bool = False, read_only: bool = False) -> Store:
        """Open a library; one made by an older version is brought up to date, after a copy of its file was put beside it.

        Args:
            location: Path of an SQLite file, or a SQLAlchemy URL (PostgreSQL: with `?egma_files=FOLDER`).
            create: Make the library if there is none.
            read_only: Refuse every write.

        Raises:
            StoreError: There is no library there, it is damaged, or a newer version made it.
            MissingExtraError: The driver of a server's URL is not installed.
        """
        address = Address.of(location)
        if address.path:
            if create:
                make_file(address.path)
            check_file(address.path)
        database = Database(address, read_only=read_only)
        try:
            library_id = schema.prepare(database, create=create)
            if not read_only:
                address.files.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            database.close()
            raise StoreError(
                f"The folder {address.files} cannot be made ({error.strerror}).", "Check its place and permissions."
            ) from error
        except BaseException:
            database.close()
            raise
        return cls(database, library_id)

    def __enter__(self) -> Store:
        return self

    # Readers, films and studies

    def add_reader(self, name: str) -> Changes:
        """Add a reader, or find the one of that name; answers with the reader's id."""
        with self._database.write() as connection:
            return catalogue.add_reader(connection, name)

    def readers(self) -> list[ReaderEntry]:
        """Every reader, by name."""
        with self._database.read() as connection:
            return catalogue.readers(connection)

    def add_film(self, film: FilmRecord, *, labels: Sequence[str] = (), report: Sequence[ReportSentence] = (), split: str = "") -> Changes:
        """Add a film with its series, study and patient where they are missing; adding it again changes nothing.

        Args:
            film: The film; its file must already lie in `files`.
            labels: Labels of its study; those it has are kept.
            report: Sentences of its study; those it has are kept.
            split: The split its source puts the study in, or "".

        Returns:
            Changes with the instance's id; `tables` is empty when all of it was there already.

        Raises:
            StoreError: The library holds another film under its UID, or its study elsewhere or in another split.
        """
        with self._database.write() as connection:
            return catalogue.add_film(connection, film, labels, report, split)

    def set_labels(self, study_id: int, labels: Sequence[str], origin: str) -> Changes:
        """Replace a study's labels by `labels`, which come from `origin`."""
        with self._database.write() as connection:
            return catalogue.set_labels(connection, study_id, labels, origin)

    def studies(self, *, search: str = "") -> list[StudyEntry]:
        """Studies in the order they came; `search` keeps those where each of its words occurs in pseudonym, UID, modality or label."""
        with self._database.read() as connection:
            return catalogue.studies(connection, self.files, search=search)

    def study(self, study_id: int) -> StudyEntry:
        """One study with its films."""
        with self._database.read() as connection:
            return catalogue.study(connection, self.files, study_id)

    def instance(self, instance_uid: str) -> InstanceEntry:
        """One film, by its SOP Instance UID."""
        with self._database.read() as connection:
            return catalogue.instance(connection, self.files, instance_uid)

    def report(self, study_id: int) -> tuple[ReportSentence, ...]:
        """The sentences that came with a study, in order."""
        with self._database.read() as connection:
            return catalogue.report(connection, study_id)

    # Sittings, readings and raw rows

    def begin_reading(self, session_id: int, study_id: int, started_ns: int, started_utc: datetime) -> Changes:
        """Begin a reading, in state `recording`; answers with its id."""
        with self._database.write() as connection:
            return recordings.begin_reading(connection, session_id, study_id, started_ns, started_utc)

    def append(
        self, reading_id: int, batch: RawBatch, *, next_seq: Mapping[str, int] | None = None, patience_s: float | None = None
    ) -> Changes:
        """Store everything of a batch in one transaction, behind what the reading already has.

        Args:
            reading_id: The reading.
            batch: What happened.
            next_seq: Number of the first row for each raw table, where a gap before it is to stay visible.
            patience_s: How long to wait for another program that writes, in s; by default some seconds.

        Raises:
            StoreError: It could not be stored, and then none of it was.
        """
        with self._database.write(patience_s) as connection:
            at = self._tails.get(reading_id) or raw.tail(connection, reading_id)
            if next_seq is not None:
                at = raw.Tail(at.origin, {**at.next_seq, **next_seq})
            following, changed = raw.append(connection, reading_id, at, batch)
        self._tails[reading_id] = following
        self._n_appended += 1
        if self._n_appended % _APPENDS_BETWEEN_MERGES == 0:
            self._database.merge_log()
        return Changes(changed, reading_id)

    def tail(self, reading_id: int) -> raw.Tail:
        """Where a reading that is being recorded goes on.

        Raises:
            StoreError: There is no such reading, or it has ended.
        """
        with self._database.read() as connection:
            return raw.tail(connection, reading_id)

    def end_reading(self, reading_id: int, state: ReadingState, ended_ns: int, note: str = "") -> Changes:
        """End a reading for good; it takes no more rows."""
        with self._database.write() as connection:
            changes = recordings.end_reading(connection, reading_id, state, ended_ns, note)
        self._tails.pop(reading_id, None)
        return changes

    def recover_readings(self) -> tuple[int, ...]:
        """Mark every reading in state `recording` as recovered and return their ids; for when nobody can be recording."""
        with self._database.write() as connection:
            return recordings.recover(connection)

    def readings(self, *, states: Sequence[ReadingState] | None = None) -> list[ReadingEntry]:
        """Readings in the order they began, all or those in `states`."""
        with self._database.read() as connection:
            return recordings.readings(connection, states)

    def reading(self, reading_id: int) -> ReadingEntry:
        """One reading."""
        with self._database.read() as connection:
            return recordings.reading(connection, reading_id)

    def gaze(self, reading_id: int) -> GazeSamples:
        """Every sample of a reading, in order, not writable.

        Raises:
            StoreError: A chunk is missing or damaged; the message says which and when.
        """
        with self._database.read() as connection:
            return raw.gaze(connection, reading_id)

    def viewports(self, reading_id: int) -> tuple[Viewport, ...]:
        """The viewport log of a reading, in order; `Fixations.viewport` counts in it."""
        with self._database.read() as connection:
            return raw.viewports(connection, reading_id)

    def notifications(self, reading_id: int) -> tuple[Notification, ...]:
        """What else happened in a reading, in order."""
        with self._database.read() as connection:
            return raw.notifications(connection, reading_id)

    # What is derived

    def save_derivation(
        self,
        reading_id: int,
        recipe: Mapping[str, Any],
        fixations: Fixations,
        maps: Sequence[SentenceGazeMap],
        inputs: Mapping[str, Any] | None = None,
    ) -> Changes:
        """Keep what `recipe` made of a reading, in place of what the same recipe made of it before; answers with its id.

        Args:
            reading_id: The reading.
            recipe: Every setting that went into it.
            fixations: The fixations.
            maps: The sentences' gaze maps.
            inputs: What of the reading beside its raw rows went into it.
        """
        digest, version = recipe_hash(recipe), schema.program_version()
        with self._database.write() as connection:
            return derivations.save(connection, reading_id, recipe, digest, fixations, maps, version, inputs or {})

    def derivation(self, reading_id: int, recipe_hash: str | None = None) -> Derivation | None:
        """What the recipe of that hash made of a reading, or the newest recipe; None if there is nothing."""
        with self._database.read() as connection:
            return derivations.load(connection, reading_id, recipe_hash)

    def derivation_inputs(self, recipe_hash: str) -> Mapping[int, Mapping[str, Any]]:
        """By reading, the inputs of what the recipe of that hash made of it; readings it was not applied to are absent."""
        with self._database.read() as connection:
            return derivations.inputs(connection, recipe_hash)

    def reading_health(self, reading_id: int) -> ReadingHealth:
        """Read one reading and say what of it is safely there."""
        with self._database.read() as connection:
            return health.reading_health(connection, reading_id)

    def check(self) -> Health:
        """Read the whole library and say what is safely there; damage is part of the answer, not an error."""
        return health.check(self._database)
