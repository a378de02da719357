"""The text of a reading: as it was recorded, and as it was revised; the newest revision counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select

from egma_core.errors import StoreError
from egma_core.speech.sentences import Sentence, TextOrigin
from egma_core.speech.transcript import Word
from egma_core.store import raw, raw_tables
from egma_core.store.sitting_tables import revised_sentence, revised_word, revision
from egma_core.store.values import Changes, Revision


def save(connection: Connection, reading_id: int, sentences: Sequence[Sentence], reason: str, aligner: str) -> Changes:
    """Add a revision: the whole text of a reading, behind its earlier ones."""
    started_ns, _ = raw.started(connection, reading_id)
    _refuse_strangers(connection, reading_id, sentences)
    last = connection.execute(select(func.max(revision.c.seq)).where(revision.c.reading_id == reading_id)).scalar_one()
    values = {"reading_id": reading_id, "seq": 0 if last is None else last + 1, "created_utc": datetime.now(timezone.utc), "reason": reason}
    revision_id = connection.execute(insert(revision).values(values).returning(revision.c.id)).scalar_one()
    rows: list[dict[str, Any]] = []
    words: list[dict[str, Any]] = []
    for seq, sentence in enumerate(sentences):
        times = _times(sentence, started_ns)
        about = {"text": sentence.text, "text_origin": sentence.origin, "sentence_id": sentence.id}
        rows.append({"revision_id": revision_id, "seq": seq, **times, **about})
        for word_seq, word in enumerate(sentence.words):
            key = {"revision_id": revision_id, "sentence_seq": seq, "seq": word_seq}
            words.append({**key, **_times(word, started_ns), "text": word.text, "confidence": word.confidence, "aligner": aligner})
    if rows:
        connection.execute(insert(revised_sentence), rows)
    if words:
        connection.execute(insert(revised_word), words)
    return Changes(frozenset({"revision", "revised_sentence", "revised_word"}), revision_id)


def revisions(connection: Connection, reading_id: int) -> tuple[Revision, ...]:
    """Every revision of a reading, in order."""
    return _load(connection, reading_id, select(revision).where(revision.c.reading_id == reading_id))


def newest(connection: Connection, reading_id: int) -> Revision | None:
    """The revision that counts, or None where the text was never revised."""
    query = select(revision).where(revision.c.id == newest_id(connection, reading_id))
    return next(iter(_load(connection, reading_id, query)), None)


def newest_id(connection: Connection, reading_id: int) -> int | None:
    """Row id of the revision that counts."""
    return connection.execute(select(func.max(revision.c.id)).where(revision.c.reading_id == reading_id)).scalar_one()


def sentences(connection: Connection, reading_id: int) -> tuple[Sentence, ...]:
    """The text that counts: the newest revision, else what was recorded."""
    found = newest(connection, reading_id)
    return raw.sentences(connection, reading_id) if found is None else found.sentences


def text_origins(connection: Connection, reading_id: int | None = None) -> Mapping[int, Mapping[TextOrigin, int]]:
    """How many sentences of each origin the text that counts has, of every reading or of one."""
    table = raw_tables.sentence.c
    recorded = select(table.reading_id, table.text_origin, func.count()).group_by(table.reading_id, table.text_origin)
    counting = select(func.max(revision.c.id).label("id"), revision.c.reading_id).group_by(revision.c.reading_id)
    if reading_id is not None:
        recorded, counting = recorded.where(table.reading_id == reading_id), counting.where(revision.c.reading_id == reading_id)
    texts: dict[int, dict[TextOrigin, int]] = defaultdict(dict)
    for key, origin, n in connection.execute(recorded):
        texts[key][origin] = n
    newest_ids = {row.id: row.reading_id for row in connection.execute(counting)}
    texts.update((key, {}) for key in newest_ids.values())
    revised = revised_sentence.c
    counts = select(revised.revision_id, revised.text_origin, func.count()).group_by(revised.revision_id, revised.text_origin)
    for key, origin, n in connection.execute(counts.where(revised.revision_id.in_(list(newest_ids)))) if newest_ids else ():
        texts[newest_ids[key]][origin] = n
    return texts


def _refuse_strangers(connection: Connection, reading_id: int, sentences: Sequence[Sentence]) -> None:
    ids = {sentence.id for sentence in sentences if sentence.id is not None}
    table = raw_tables.sentence.c
    known = set(connection.execute(select(table.id).where(table.reading_id == reading_id)).scalars())
    if ids - known:
        raise StoreError(
            f"A revised sentence of reading {reading_id} stems from a sentence of another reading.", "Revise the sentences of this one."
        )


def _times(said: Sentence | Word, started_ns: int) -> dict[str, int]:
    return {"onset_ns": started_ns + round(said.onset_s * 1e9), "offset_ns": started_ns + round(said.offset_s * 1e9)}


def _load(connection: Connection, reading_id: int, query: Select[Any]) -> tuple[Revision, ...]:
    started_ns, _ = raw.started(connection, reading_id)

    def seconds(row: Any) -> tuple[float, float]:
        return (row.onset_ns - started_ns) / 1e9, (row.offset_ns - started_ns) / 1e9

    found = connection.execute(query.order_by(revision.c.seq)).all()
    ids = [row.id for row in found]
    words: dict[tuple[int, int], list[Word]] = defaultdict(list)
    spoken = revised_word.c
    for row in connection.execute(select(revised_word).where(spoken.revision_id.in_(ids)).order_by(spoken.seq)):
        words[row.revision_id, row.sentence_seq].append(Word(row.text, *seconds(row), row.confidence))
    texts: dict[int, list[Sentence]] = defaultdict(list)
    said = revised_sentence.c
    for row in connection.execute(select(revised_sentence).where(said.revision_id.in_(ids)).order_by(said.seq)):
        key = (row.revision_id, row.seq)
        texts[row.revision_id].append(Sentence(row.text, *seconds(row), row.text_origin, row.sentence_id, tuple(words[key])))
    return tuple(Revision(row.id, row.seq, row.created_utc, row.reason, tuple(texts[row.id])) for row in found)
