"""Phrases with boxes, as CSV: what a sentence is about, drawn on the film by somebody.

The columns are `film, phrase, label, x, y, w, h`, and optionally `patient, image_width, image_height`; those of MS-CXR
(`dicom_id, label_text, category_name`) are taken as well. A box is in pixels of the film, or of a picture of the given
width and height; x and y are its left and top edge, counted from the outer corner of the top-left pixel. Rows that share
film and phrase are several boxes of one phrase.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import ConfigError, InterchangeError
from egma_core.evaluation.tables import FilmFinder, read_table
from egma_core.examples.manifest import Manifest
from egma_core.examples.splits import Split

NAMES = {"film": ("film", "dicom_id"), "phrase": ("phrase", "label_text"), "label": ("label", "category_name")}
"""Our columns, and what else they may be called."""

EDGES = ("x", "y", "w", "h")


@dataclass(frozen=True)
class PhraseBoxes:
    """One phrase and where it applies.

    Attributes:
        film: What the table calls the film.
        phrase: The sentence.
        label: The finding it belongs to.
        boxes: (k, 4) left, top, right, bottom.
        shape: (rows, columns) of the picture that the boxes were drawn on, or None for the film's own.
        patient: The patient, or "" where the table does not say.
    """

    film: str
    phrase: str
    label: str
    boxes: NDArray[np.float64]
    shape: tuple[float, float] | None
    patient: str


@dataclass(frozen=True)
class GroundingCase:
    """A phrase with its boxes on a film that is at hand.

    Attributes:
        path: The film's file.
        patient: The patient, so that intervals redraw patients.
        phrase: The phrase.
    """

    path: Path
    patient: str
    phrase: PhraseBoxes


def read_boxes(path: Path) -> tuple[PhraseBoxes, ...]:
    """Read a table of phrases and boxes.

    Raises:
        InterchangeError: It cannot be read, lacks a column, or has a box that is none.
    """
    table = read_table(path)
    columns = {ours: next((name for name in names if name in table.columns), "") for ours, names in NAMES.items()}
    missing = [ours for ours, name in columns.items() if not name] + [name for name in EDGES if name not in table.columns]
    if missing:
        raise InterchangeError(
            f"The table of boxes {path.name} has no column {missing[0]}; it has {', '.join(table.columns)}.",
            "Its columns are film, phrase, label, x, y, w, h.",
        )
    grouped: dict[tuple[str, str], list[tuple[int, Mapping[str, str]]]] = {}
    for line, row in table.rows:
        grouped.setdefault((row[columns["film"]], row[columns["phrase"]]), []).append((line, row))
    found: list[PhraseBoxes] = []
    for (film, phrase), rows in grouped.items():
        line, first = rows[0]
        if not film or not phrase:
            raise InterchangeError(f"Line {line} of {path.name} names no film or no phrase.", "Fill it in, or take the line out.")
        boxes = np.array([_box(row, at, path.name) for at, row in rows])
        found.append(PhraseBoxes(film, phrase, first[columns["label"]], boxes, _shape(first, line, path.name), first.get("patient", "")))
    if not found:
        raise InterchangeError(f"The table of boxes {path.name} is empty.", "Give it one line a box.")
    return tuple(found)


def cases_in_manifest(phrases: tuple[PhraseBoxes, ...], manifest: Manifest, split: Split) -> list[GroundingCase]:
    """The phrases whose film is in a split; a table may call it by its path, its file's name, or its example's id.

    Raises:
        ConfigError: None is.
    """
    examples = manifest.of(split)
    by_name = {name: e for e in reversed(examples) for name in (Path(e.film).stem, Path(e.film).name, e.film, e.id)}
    named = [(by_name.get(p.film.replace("\\", "/").strip("/")), p) for p in phrases]
    cases = [GroundingCase(manifest.film_path(example), example.patient, p) for example, p in named if example is not None]
    if not cases:
        raise ConfigError(
            f"No film of the {split} split is in the table of boxes.", "It must call films as the manifest does, or give --data FOLDER."
        )
    return cases


def cases_in_folder(phrases: tuple[PhraseBoxes, ...], folder: Path) -> list[GroundingCase]:
    """The phrases whose film lies below a folder, by its path or its name with or without the ending.

    Raises:
        ConfigError: None does, or a name fits several files.
    """
    finder = FilmFinder(folder)
    found = [(finder.find(p.film), p) for p in phrases]
    cases = [GroundingCase(path, p.patient or p.film, p) for path, p in found if path is not None]
    if not cases:
        raise ConfigError(f"No film that the table of boxes names lies below {folder.name}.", "Check the folder.")
    return cases


def _box(row: Mapping[str, str], line: int, name: str) -> tuple[float, float, float, float]:
    x, y, w, h = (_number(row[edge], line, name) for edge in EDGES)
    if w <= 0 or h <= 0:
        raise InterchangeError(f"The box in line {line} of {name} has no size.", "Correct its w and h.")
    return x, y, x + w, y + h


def _shape(row: Mapping[str, str], line: int, name: str) -> tuple[float, float] | None:
    sides = [row.get(side, "") for side in ("image_height", "image_width")]
    if not all(sides):
        return None
    rows, columns = (_number(side, line, name) for side in sides)
    if rows <= 0 or columns <= 0:
        raise InterchangeError(f"The picture in line {line} of {name} has no size.", "Correct its image_width and image_height.")
    return rows, columns


def _number(text: str, line: int, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InterchangeError(f"Line {line} of {name} has something else than a number for a box.", "Correct it.")
    return value
