"""Tables of labels: the CSV that comes with a set of films, read by our column names or theirs."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from egma_core.errors import FilmRefusedError, InterchangeError
from egma_core.speech.sentences import split_sentences

COLUMNS = ("image", "patient_id", "labels", "sentences", "split")
"""Our names of the columns. Only `image` is always needed."""

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "validate", "valid", "val", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
    "": "",
}


@dataclass(frozen=True)
class LabelRow:
    """What a table says of one film.

    Attributes:
        patient_id: The patient as the table names them, or "".
        labels: Labels in the table's order.
        sentences: Sentences in the table's order; made from labels or from a report, spoken by nobody.
        split: `train`, `validation`, `test` or "".
    """

    patient_id: str
    labels: tuple[str, ...]
    sentences: tuple[str, ...]
    split: str


def read_label_table(
    path: str | Path, columns: Mapping[str, str] | None = None, *, needed: Iterable[str] = ("image",)
) -> dict[str, LabelRow]:
    """Read a CSV with a header line; commas, semicolons or tabs separate its fields, `|` separates labels.

    Args:
        path: The CSV, in UTF-8.
        columns: Our name of a column to theirs, where they differ.
        needed: Our names of the columns that must be there; others of `COLUMNS` are read where present.

    Returns:
        The row of each image, by what the table calls it: a file name, a relative path, or a name without its ending.

    Raises:
        InterchangeError: The file cannot be read as such a table, lacks a column, or has two rows for one image.
    """
    path, renamed = Path(path), dict(columns or {})
    _refuse_unknown_names(renamed)
    text = _text(path)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(text), strict=True)
    rows: dict[str, LabelRow] = {}
    lines: dict[str, int] = {}
    try:
        header = [name.strip() for name in next(reader, [])]
        places = _places(path, header, renamed, set(needed))
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            found = {ours: fields[place].strip() if place < len(fields) else "" for ours, place in places.items()}
            image = normalised(found["image"])
            if not image:
                raise InterchangeError(f"Line {reader.line_num} of {path.name} names no image.", "Give every row an image, or take it out.")
            if image in rows:
                what = f"Lines {lines[image]} and {reader.line_num} of {path.name} are for the same image."
                raise InterchangeError(what, "Keep one row an image; separate its labels by |.")
            lines[image] = reader.line_num
            rows[image] = _row(found, f"line {reader.line_num} of {path.name}")
    except csv.Error as error:
        raise InterchangeError(f"Line {reader.line_num} of {path.name} is not CSV ({error}).", "Save the table as CSV again.") from error
    return rows


def normalised(image: str) -> str:
    """What a table calls an image, with forward slashes and no leading `./`."""
    return str(PurePosixPath(image.strip().replace("\\", "/"))) if image.strip() else ""


class LabelMatcher:
    """Finds the row of each film: by its path below the folder, else by its name, else by its name without the ending."""

    def __init__(self, rows: Mapping[str, LabelRow], films: Iterable[PurePosixPath]) -> None:
        """Take the table and all files of the import, so that names that are not unique can be told."""
        self._rows = rows
        self._used: set[str] = set()
        films = tuple(films)
        self._bare = Counter(film.with_suffix("") for film in films)
        self._names = Counter(film.name for film in films)
        self._stems = Counter(film.stem for film in films)

    def match(self, film: PurePosixPath) -> LabelRow | None:
        """The row of a film, or None.

        Raises:
            FilmRefusedError: What the table calls it fits several files.
        """
        bare = film.with_suffix("")
        for key, fitting in (
            (str(film), 1),
            (str(bare), self._bare[bare]),
            (film.name, self._names[film.name]),
            (film.stem, self._stems[film.stem]),
        ):
            if key in self._rows:
                if fitting > 1:
                    what = f"What the labels file calls it fits {fitting} files."
                    raise FilmRefusedError(what, "Give paths relative to the folder, with their endings.")
                self._used.add(key)
                return self._rows[key]
        return None

    @property
    def unused(self) -> tuple[str, ...]:
        """Images that the table names and no film was found for, in the table's order."""
        return tuple(image for image in self._rows if image not in self._used)


def _refuse_unknown_names(renamed: Mapping[str, str]) -> None:
    unknown = sorted(set(renamed) - set(COLUMNS))
    if unknown:
        raise InterchangeError(f"There is no column {unknown[0]} to rename.", f"Known names: {', '.join(COLUMNS)}.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InterchangeError(f"There is no labels file {path.name}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise InterchangeError(f"The labels file {path.name} is not in UTF-8.", "Save it as CSV in UTF-8.") from error
    except OSError as error:
        raise InterchangeError(f"The labels file {path.name} cannot be read ({error.strerror}).", "Check the file.") from error


def _delimiter(text: str) -> str:
    header = text.split("\n", 1)[0]
    return max((",", ";", "\t"), key=header.count)


def _places(path: Path, header: list[str], renamed: Mapping[str, str], needed: set[str]) -> dict[str, int]:
    needed |= {"image", *renamed}
    theirs = {ours: renamed.get(ours, ours) for ours in COLUMNS}
    missing = [theirs[ours] for ours in COLUMNS if ours in needed and theirs[ours] not in header]
    if missing:
        what = f"The labels file {path.name} has no column {' and no column '.join(missing)}; it has {', '.join(header) or 'none'}."
        raise InterchangeError(what, "Say which is which, for example with --columns labels=finding_labels.")
    return {ours: header.index(name) for ours, name in theirs.items() if name in header}


def _row(found: Mapping[str, str], where: str) -> LabelRow:
    split = found.get("split", "").lower()
    if split not in _SPLITS:
        raise InterchangeError(f"The split in {where} is not one of train, validation and test.", "Correct it, or leave it empty.")
    return LabelRow(
        patient_id=found.get("patient_id", ""),
        labels=tuple(dict.fromkeys(label.strip() for label in found.get("labels", "").split("|") if label.strip())),
        sentences=split_sentences(found.get("sentences", "")),
        split=_SPLITS[split],
    )
