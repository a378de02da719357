"""What recipes made of readings: fixations and sentence gaze maps, replaced as a whole and rebuilt at will."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, insert, select

from egma_core.alignment.maps import SentenceGazeMap
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.samples import GazeOrigin
from egma_core.speech.sentences import Sentence
from egma_core.store import raw, tables
from egma_core.store.values import Changes, Derivation

_NULLABLE = ("x_px", "y_px", "screen_x_px", "screen_y_px", "dispersion_deg", "px_per_deg")
_FIXATION = ("onset_s", "offset_s", *_NULLABLE)
_COMPONENT = ("x_px", "y_px", "sigma_px", "weight_s")
_SIDES = ("left", "top", "right", "bottom")


def save(
    connection: Connection,
    reading_id: int,
    recipe: Mapping[str, Any],
    recipe_hash: str,
    fixations: Fixations,
    maps: Sequence[SentenceGazeMap],
    program_version: str,
    inputs: Mapping[str, Any],
) -> Changes:
    """Write a derivation in place of the same recipe's earlier one."""
    _, origin = raw.started(connection, reading_id)
    table = tables.derivation
    connection.execute(delete(table).where(table.c.reading_id == reading_id, table.c.recipe_hash == recipe_hash))
    values = {
        "reading_id": reading_id,
        "recipe": dict(recipe),
        "recipe_hash": recipe_hash,
        "gaze_origin": origin,
        "created_utc": datetime.now(timezone.utc),
        "program_version": program_version,
        "inputs": dict(inputs),
    }
    derivation_id = connection.execute(insert(table).values(values).returning(table.c.id)).scalar_one()
    if len(fixations):
        connection.execute(insert(tables.fixation), _fixation_rows(derivation_id, fixations, origin))
    for seq, gaze_map in enumerate(maps):
        map_id = connection.execute(
            insert(tables.sentence_gaze_map).values(_map_row(derivation_id, seq, gaze_map, origin)).returning(tables.sentence_gaze_map.c.id)
        ).scalar_one()
        if len(gaze_map.weight_s):
            connection.execute(insert(tables.gaze_map_weight), _weight_rows(map_id, gaze_map, origin))
    return Changes(frozenset({"derivation", "fixation", "sentence_gaze_map", "gaze_map_weight"}), derivation_id)


def load(connection: Connection, reading_id: int, recipe_hash: str | None) -> Derivation | None:
    """The derivation of a recipe, or the newest one."""
    raw.started(connection, reading_id)
    table = tables.derivation
    query = select(table).where(table.c.reading_id == reading_id).order_by(table.c.id.desc()).limit(1)
    if recipe_hash is not None:
        query = query.where(table.c.recipe_hash == recipe_hash)
    row = connection.execute(query).first()
    if row is None:
        return None
    return Derivation(
        id=row.id,
        reading_id=reading_id,
        recipe=row.recipe,
        recipe_hash=row.recipe_hash,
        fixations=_fixations(connection, row.id),
        maps=_maps(connection, row.id),
        gaze_origin=row.gaze_origin,
        inputs=row.inputs,
    )


def inputs(connection: Connection, recipe_hash: str) -> dict[int, Mapping[str, Any]]:
    """What of each reading went into what the recipe made of it, by reading; readings that it was not applied to are absent."""
    table = tables.derivation.c
    return {
        row.reading_id: row.inputs
        for row in connection.execute(select(table.reading_id, table.inputs).where(table.recipe_hash == recipe_hash))
    }


def _number(value: float) -> float | None:
    """A column's value for a number: NULL stands for NaN."""
    return None if math.isnan(value) else value


def _fixation_rows(derivation_id: int, fixations: Fixations, origin: GazeOrigin) -> list[dict[str, Any]]:
    columns = {name: getattr(fixations, name).tolist() for name in _FIXATION}
    return [
        {
            "derivation_id": derivation_id,
            "seq": seq,
            **{name: _number(values[seq]) for name, values in columns.items()},
            "viewport_seq": viewport if viewport >= 0 else None,
            "gaze_origin": origin,
        }
        for seq, viewport in enumerate(fixations.viewport.tolist())
    ]


def _map_row(derivation_id: int, seq: int, gaze_map: SentenceGazeMap, origin: GazeOrigin) -> dict[str, Any]:
    sentence = gaze_map.sentence
    return {
        "derivation_id": derivation_id,
        "seq": seq,
        "sentence_id": sentence.id,
        "text": sentence.text,
        "onset_s": sentence.onset_s,
        "offset_s": sentence.offset_s,
        "text_origin": sentence.origin,
        "instance_uid": gaze_map.instance_uid,
        "window_start_s": gaze_map.window_s[0],
        "window_end_s": gaze_map.window_s[1],
        "policy": gaze_map.policy,
        "gaze_origin": origin,
    }


def _weight_rows(map_id: int, gaze_map: SentenceGazeMap, origin: GazeOrigin) -> list[dict[str, Any]]:
    columns = {name: getattr(gaze_map, name).tolist() for name in _COMPONENT}
    columns |= {f"visible_{side}_px": gaze_map.visible[:, i].tolist() for i, side in enumerate(_SIDES)}
    return [
        {
            "sentence_gaze_map_id": map_id,
            "seq": seq,
            "fixation_seq": fixation,
            **{name: values[seq] for name, values in columns.items()},
            "gaze_origin": origin,
        }
        for seq, fixation in enumerate(gaze_map.fixation.tolist())
    ]


def _column(rows: Sequence[Any], name: str) -> NDArray[np.float64]:
    return np.array([getattr(row, name) for row in rows], dtype=np.float64)  # None becomes NaN


def _fixations(connection: Connection, derivation_id: int) -> Fixations:
    table = tables.fixation
    rows = connection.execute(select(table).where(table.c.derivation_id == derivation_id).order_by(table.c.seq)).all()
    viewport = np.array([-1 if row.viewport_seq is None else row.viewport_seq for row in rows], dtype=np.int64)
    return Fixations(**{name: _column(rows, name) for name in _FIXATION}, viewport=viewport)


def _maps(connection: Connection, derivation_id: int) -> tuple[SentenceGazeMap, ...]:
    table, weight = tables.sentence_gaze_map, tables.gaze_map_weight
    weights: dict[int, list[Any]] = defaultdict(list)
    query = select(weight).join(table).where(table.c.derivation_id == derivation_id).order_by(weight.c.sentence_gaze_map_id, weight.c.seq)
    for row in connection.execute(query):
        weights[row.sentence_gaze_map_id].append(row)
    rows = connection.execute(select(table).where(table.c.derivation_id == derivation_id).order_by(table.c.seq)).all()
    return tuple(_map(row, weights[row.id]) for row in rows)


def _map(row: Any, weights: Sequence[Any]) -> SentenceGazeMap:
    return SentenceGazeMap(
        sentence=Sentence(row.text, row.onset_s, row.offset_s, row.text_origin, row.sentence_id),
        instance_uid=row.instance_uid,
        window_s=(row.window_start_s, row.window_end_s),
        policy=row.policy,
        fixation=np.array([w.fixation_seq for w in weights], dtype=np.int64),
        **{name: _column(weights, name) for name in _COMPONENT},
        visible=np.stack([_column(weights, f"visible_{side}_px") for side in _SIDES], axis=-1),
    )
