"""Films, studies and readers of a library: who reads, and what there is to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, or_, select, update

from egma_core.errors import StoreError
from egma_core.store import tables
from egma_core.store.values import Changes, FilmRecord, InstanceEntry, ReaderEntry, ReportSentence, StudyEntry, StudyStatus

_READ = ("complete", "recovered")


def add_reader(connection: Connection, name: str) -> Changes:
    """Get or make the reader of that name."""
    clean = name.strip()
    if not clean:
        raise StoreError("A reader needs a name.", "Type a name or a pseudonym.")
    return _get_or_make(connection, tables.reader, "name", clean)


def readers(connection: Connection) -> list[ReaderEntry]:
    """Every reader, by name."""
    rows = connection.execute(select(tables.reader.c.id, tables.reader.c.name).order_by(tables.reader.c.name))
    return [ReaderEntry(reader_id, name) for reader_id, name in rows]


def add_film(connection: Connection, film: FilmRecord, labels: Sequence[str], report: Sequence[ReportSentence], split: str) -> Changes:
    """Get or make a film with its series, study and patient, and join what its source says of the study."""
    file = PurePosixPath(film.file)
    if file.is_absolute() or ".." in file.parts or "\\" in film.file or ":" in film.file:
        raise StoreError("A film's file must lie below the library's own folder.", "Give its path relative to that folder.")
    changed: set[str] = set()

    def made(table: Table, key: str, value: str, **others: Any) -> int:
        changes = _get_or_make(connection, table, key, value, **others)
        changed.update(changes.tables)
        assert changes.id is not None
        return changes.id

    patient_id = made(tables.patient, "pseudonym", film.patient)
    study_id = made(tables.study, "study_uid", film.study_uid, patient_id=patient_id, split=split)
    series_id = made(tables.series, "series_uid", film.series_uid, study_id=study_id)
    names = ("sop_class_uid", "modality", "view_position", "rows", "columns", "frames", "file", "sha256", "origin")
    fields = {name: getattr(film, name) for name in names}
    instance_id = made(tables.instance, "instance_uid", film.instance_uid, series_id=series_id, **fields)
    _check_upward(connection, film, patient_id, study_id, series_id)
    changed |= _join_split(connection, study_id, split)
    changed |= _join_labels(connection, study_id, labels, film.origin)
    changed |= _join_report(connection, study_id, report)
    return Changes(frozenset(changed), instance_id)


def set_labels(connection: Connection, study_id: int, labels: Sequence[str], origin: str) -> Changes:
    """Replace a study's labels."""
    _require_study(connection, study_id)
    table = tables.study_label
    connection.execute(delete(table).where(table.c.study_id == study_id))
    _join_labels(connection, study_id, labels, origin)
    return Changes(frozenset({"study_label"}), study_id)


def report(connection: Connection, study_id: int) -> tuple[ReportSentence, ...]:
    """The sentences that came with a study, in order."""
    _require_study(connection, study_id)
    table = tables.report_sentence
    rows = connection.execute(select(table.c.text, table.c.text_origin).where(table.c.study_id == study_id).order_by(table.c.seq))
    return tuple(ReportSentence(text, origin) for text, origin in rows)


def studies(connection: Connection, files: Path, *, search: str = "") -> list[StudyEntry]:
    """The worklist in the order studies came, all of it or what matches `search`, in four queries."""
    return _studies(connection, files, _matching(search) if search.strip() else None)


def study(connection: Connection, files: Path, study_id: int) -> StudyEntry:
    """One study."""
    found = _studies(connection, files, tables.study.c.id == study_id)
    if not found:
        raise _no_study(study_id)
    return found[0]


def instance(connection: Connection, files: Path, instance_uid: str) -> InstanceEntry:
    """One film."""
    row = connection.execute(_instances().where(tables.instance.c.instance_uid == instance_uid)).first()
    if row is None:
        raise StoreError(f"There is no film {instance_uid} in the library.", "Import it first.")
    return _instance_entry(row, files)


def _get_or_make(connection: Connection, table: Table, key: str, value: str, **others: Any) -> Changes:
    found = connection.execute(select(table.c.id).where(table.c[key] == value)).scalar_one_or_none()
    if found is not None:
        return Changes(frozenset(), found)
    added = connection.execute(insert(table).values({key: value, **others}))
    return Changes(frozenset({table.name}), added.inserted_primary_key[0] if added.inserted_primary_key else None)


def _check_upward(connection: Connection, film: FilmRecord, patient_id: int, study_id: int, series_id: int) -> None:
    """Refuse a film that an earlier one puts into another series, study or patient, or that changed under its UID."""
    query = (
        select(tables.instance.c.series_id, tables.series.c.study_id, tables.study.c.patient_id, tables.instance.c.sha256)
        .join_from(tables.instance, tables.series)
        .join(tables.study)
        .where(tables.instance.c.instance_uid == film.instance_uid)
    )
    *parents, sha256 = connection.execute(query).one()
    if parents != [series_id, study_id, patient_id]:
        what = f"The film {film.instance_uid} is already in the library, or its series is, under another study or patient."
        raise StoreError(what, "Check whether two sources use the same identifiers.")
    if sha256 != film.sha256:
        raise StoreError(
            f"The library already holds another film under {film.instance_uid}.", "Check whether two sources use the same identifiers."
        )


def _join_split(connection: Connection, study_id: int, split: str) -> set[str]:
    table = tables.study
    known = connection.execute(select(table.c.split).where(table.c.id == study_id)).scalar_one()
    if not split or split == known:
        return set()
    if known:
        raise StoreError(
            f"Study {study_id} is in the split '{known}' already and cannot be in '{split}' too.", "Give all films of a study one split."
        )
    connection.execute(update(table).where(table.c.id == study_id).values(split=split))
    return {"study"}


def _join_labels(connection: Connection, study_id: int, labels: Sequence[str], origin: str) -> set[str]:
    table = tables.study_label
    if not labels:
        return set()
    known = set(connection.execute(select(table.c.label).where(table.c.study_id == study_id)).scalars())
    missing = sorted({label.strip() for label in labels} - known - {""})
    if not missing:
        return set()
    connection.execute(insert(table), [{"study_id": study_id, "label": label, "origin": origin} for label in missing])
    return {"study_label"}


def _join_report(connection: Connection, study_id: int, sentences: Sequence[ReportSentence]) -> set[str]:
    """Add the sentences that the study's report does not have yet: each film of a study may bring the same ones."""
    table = tables.report_sentence
    if not sentences:
        return set()
    known = connection.execute(select(table.c.text).where(table.c.study_id == study_id)).scalars().all()
    missing = [s for s in sentences if s.text not in known]
    if not missing:
        return set()
    rows = [{"study_id": study_id, "seq": seq, "text": s.text, "text_origin": s.origin} for seq, s in enumerate(missing, len(known))]
    connection.execute(insert(table), rows)
    return {"report_sentence"}


def _require_study(connection: Connection, study_id: int) -> None:
    if connection.execute(select(tables.study.c.id).where(tables.study.c.id == study_id)).first() is None:
        raise _no_study(study_id)


def _no_study(study_id: int) -> StoreError:
    return StoreError(f"There is no study {study_id} in the library.", "Choose one from the worklist.")


def _matching(search: str) -> ColumnElement[bool]:
    """Every word of `search` must occur in the pseudonym, the study's UID, a label or a modality."""
    found: list[ColumnElement[bool]] = []
    for word in search.lower().split():
        labelled = select(tables.study_label.c.study_id).where(func.lower(tables.study_label.c.label).contains(word, autoescape=True))
        of_modality = (
            select(tables.series.c.study_id)
            .join_from(tables.instance, tables.series)
            .where(func.lower(tables.instance.c.modality).contains(word, autoescape=True))
        )
        found.append(
            or_(
                func.lower(tables.patient.c.pseudonym).contains(word, autoescape=True),
                tables.study.c.study_uid.contains(word, autoescape=True),
                tables.study.c.id.in_(labelled),
                tables.study.c.id.in_(of_modality),
            )
        )
    result = found[0]
    for condition in found[1:]:
        result = result & condition
    return result


def _instances() -> Any:
    columns = [c for c in tables.instance.c if c.name != "series_id"]
    return select(*columns, tables.series.c.series_uid, tables.series.c.study_id).join_from(tables.instance, tables.series)


def _instance_entry(row: Any, files: Path) -> InstanceEntry:
    return InstanceEntry(
        id=row.id,
        instance_uid=row.instance_uid,
        series_uid=row.series_uid,
        modality=row.modality,
        view_position=row.view_position,
        rows=row.rows,
        columns=row.columns,
        frames=row.frames,
        path=files.joinpath(*PurePosixPath(row.file).parts),
        sha256=row.sha256,
        origin=row.origin,
    )


def _studies(connection: Connection, files: Path, condition: ColumnElement[bool] | None) -> list[StudyEntry]:
    wanted = select(tables.study.c.id, tables.study.c.study_uid, tables.study.c.split, tables.patient.c.pseudonym)
    wanted = wanted.join_from(tables.study, tables.patient).order_by(tables.study.c.id)
    if condition is not None:
        wanted = wanted.where(condition)
    ids = wanted.with_only_columns(tables.study.c.id).order_by(None)
    films: dict[int, list[InstanceEntry]] = defaultdict(list)
    for row in connection.execute(_instances().where(tables.series.c.study_id.in_(ids)).order_by(tables.instance.c.id)):
        films[row.study_id].append(_instance_entry(row, files))
    labels: dict[int, list[str]] = defaultdict(list)
    label = tables.study_label.c
    for study_id, text in connection.execute(select(label.study_id, label.label).where(label.study_id.in_(ids)).order_by(label.label)):
        labels[study_id].append(text)
    states: dict[int, dict[str, int]] = defaultdict(dict)
    reading = tables.reading.c
    counted = (
        select(reading.study_id, reading.state, func.count()).where(reading.study_id.in_(ids)).group_by(reading.study_id, reading.state)
    )
    for study_id, state, n in connection.execute(counted):
        states[study_id][state] = n
    return [
        StudyEntry(
            id=row.id,
            study_uid=row.study_uid,
            patient=row.pseudonym,
            modality=films[row.id][0].modality if films[row.id] else "",
            labels=tuple(labels[row.id]),
            split=row.split,
            instances=tuple(films[row.id]),
            n_readings=sum(states[row.id].get(state, 0) for state in _READ),
            status=_status(states[row.id]),
        )
        for row in connection.execute(wanted)
    ]


def _status(states: dict[str, int]) -> StudyStatus:
    if "recording" in states:
        return "reading"
    return "read" if any(state in states for state in _READ) else "unread"
