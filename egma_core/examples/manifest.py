"""The manifest: every training example of an export in one JSON file, films by reference, people by pseudonym alone."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import InterchangeError
from egma_core.examples.splits import SPLITS, Split, check_no_leakage
from egma_core.files import disk_in_words, replace_file

FORMAT = "egma-manifest-1"


@dataclass(frozen=True, eq=False)
class GazeComponents:
    """One sentence's gaze on one film: a weighted sum of Gaussians, each cut off where the film was not visible.

    Attributes:
        x_px: (k,) centres in image pixels.
        y_px: (k,) centres in image pixels.
        sigma_px: (k,) standard deviations in image pixels.
        weight_s: (k,) seconds.
        visible: (k, 4) left, top, right, bottom of the visible part of the film, in image pixels.
    """

    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    sigma_px: NDArray[np.float64]
    weight_s: NDArray[np.float64]
    visible: NDArray[np.float64]

    def __len__(self) -> int:
        """How many components there are."""
        return len(self.weight_s)


@dataclass(frozen=True)
class ExampleSentence:
    """One sentence of an example.

    Attributes:
        text: The sentence as it was said or typed.
        origin: Where the words came from.
        gaze: Where the reader looked for it on this film, or None where that is not known.
    """

    text: str
    origin: str
    gaze: GazeComponents | None = None


@dataclass(frozen=True)
class Example:
    """One film with the sentences of one reading (or of its labels).

    Attributes:
        id: Identifier, the same in every export of the library.
        patient: The patient's pseudonym.
        reader: The reader's pseudonym, or "" where nobody read it.
        film: The film's file below the manifest's films folder, with forward slashes.
        sha256: Hexadecimal SHA-256 of that file.
        image_shape: (rows, columns) of the film in pixels.
        labels: The study's labels.
        split: What the example is for.
        gaze_origin: Where the gaze came from, or "" where there is none.
        sentences: At least one sentence.
    """

    id: str
    patient: str
    reader: str
    film: str
    sha256: str
    image_shape: tuple[int, int]
    labels: tuple[str, ...]
    split: Split
    gaze_origin: str
    sentences: tuple[ExampleSentence, ...]


@dataclass(frozen=True)
class Manifest:
    """Examples to train and evaluate on.

    Attributes:
        films: Folder that the examples' film paths start from.
        examples: The examples.
        recipe_hash: The recipe that the gaze was derived by, or "" where there is no gaze.
        seed: Seed of the splits.
    """

    films: Path
    examples: tuple[Example, ...]
    recipe_hash: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse a set that would leak or lead outside the films folder.

        Raises:
            InterchangeError: A patient is in two splits, an id occurs twice, or a film's path is no path below the folder.
        """
        check_no_leakage((e.patient, e.split) for e in self.examples)
        twice = [name for name, n in Counter(e.id for e in self.examples).items() if n > 1]
        if twice:
            raise InterchangeError(f"The manifest holds example {twice[0]} twice.", "Export the examples again.")
        for example in self.examples:
            path = PurePosixPath(example.film)
            if path.is_absolute() or ".." in path.parts or ":" in example.film or "\\" in example.film:
                raise InterchangeError(f"Example {example.id} refers to a film outside the films folder.", "Export the examples again.")

    def of(self, split: Split) -> tuple[Example, ...]:
        """The examples of one split, in order."""
        return tuple(e for e in self.examples if e.split == split)

    def film_path(self, example: Example) -> Path:
        """Where an example's film is."""
        return self.films / example.film

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """How much there is, by split: examples, patients, sentences, sentences with gaze, and both kinds of origin."""
        return {split: _count(self.of(split)) for split in SPLITS}

    @property
    def hash(self) -> str:
        """Hexadecimal SHA-256 of what the manifest holds, wherever it and its films lie."""
        content = {"examples": [_to_row(e) for e in self.examples], "recipe_hash": self.recipe_hash}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def save(self, path: Path) -> None:
        """Write the manifest; the films folder is kept relative to it, so that both can move together.

        Raises:
            InterchangeError: The disk refuses.
        """
        folder = path.resolve().parent
        films = self.films.resolve()
        same_drive = films.drive == folder.drive
        head = {
            "format": FORMAT,
            "films": Path(os.path.relpath(films, folder)).as_posix() if same_drive else films.as_posix(),
            "recipe_hash": self.recipe_hash,
            "seed": self.seed,
            "hash": self.hash,
            "counts": self.counts,
        }
        fields = [f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in head.items()]
        rows = [json.dumps(_to_row(e), separators=(",", ":"), ensure_ascii=False) for e in self.examples]
        text = "{\n" + ",\n".join([*fields, '"examples": [\n' + ",\n".join(rows) + "\n]"]) + "\n}\n"
        unfinished = path.with_name(path.name + ".tmp")
        with disk_in_words(InterchangeError, f"The manifest {path.name} cannot be written"):
            unfinished.write_text(text, encoding="utf-8", newline="\n")
            replace_file(unfinished, path)

    @classmethod
    def load(cls, path: Path) -> Manifest:
        """Read a manifest and check its hash.

        Raises:
            InterchangeError: The file is missing, is no manifest, was changed after it was written, or would leak.
        """
        again = "Export the examples again."
        try:
            read = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InterchangeError(
                f"The manifest {path.name} cannot be read ({error.strerror}).", "Check the path, or run: egma export"
            ) from error
        except ValueError as error:
            raise InterchangeError(f"The manifest {path.name} is not valid JSON.", again) from error
        if not isinstance(read, dict) or read.get("format") != FORMAT:
            raise InterchangeError(f"{path.name} is not a manifest of the kind {FORMAT}.", again)
        try:
            films = (path.resolve().parent / read["films"]).resolve()
            examples = tuple(_from_row(row) for row in read["examples"])
            manifest = cls(films, examples, read["recipe_hash"], read["seed"])
            intact = manifest.hash == read["hash"]
        except (KeyError, TypeError, ValueError) as error:
            raise InterchangeError(f"The manifest {path.name} lacks something it needs ({error}).", again) from error
        if not intact:
            raise InterchangeError(f"The manifest {path.name} was changed after it was exported.", again)
        return manifest


def _count(examples: tuple[Example, ...]) -> dict[str, int]:
    sentences = [s for e in examples for s in e.sentences]
    counts = {
        "examples": len(examples),
        "patients": len({e.patient for e in examples}),
        "sentences": len(sentences),
        "sentences_with_gaze": sum(s.gaze is not None for s in sentences),
    }
    counts.update(_sorted_counts("gaze", (e.gaze_origin for e in examples if e.gaze_origin)))
    counts.update(_sorted_counts("text", (s.origin for s in sentences)))
    return counts


def _sorted_counts(kind: str, origins: Any) -> dict[str, int]:
    return {f"{kind}:{origin}": n for origin, n in sorted(Counter(origins).items())}


def _to_row(example: Example) -> dict[str, Any]:
    return {
        "id": example.id,
        "patient": example.patient,
        "reader": example.reader,
        "film": example.film,
        "sha256": example.sha256,
        "image_shape": list(example.image_shape),
        "labels": list(example.labels),
        "split": example.split,
        "gaze_origin": example.gaze_origin,
        "sentences": [
            {"text": s.text, "origin": s.origin, "gaze": None if s.gaze is None else _components_to_plain(s.gaze)}
            for s in example.sentences
        ],
    }


def _components_to_plain(gaze: GazeComponents) -> dict[str, Any]:
    return {name: getattr(gaze, name).tolist() for name in ("x_px", "y_px", "sigma_px", "weight_s", "visible")}


def _from_row(row: Mapping[str, Any]) -> Example:
    if row["split"] not in SPLITS:
        raise ValueError(f"split {row['split']!r}")
    rows, columns = (int(n) for n in row["image_shape"])
    sentences = tuple(
        ExampleSentence(s["text"], s["origin"], None if s["gaze"] is None else _components_from_plain(s["gaze"])) for s in row["sentences"]
    )
    if not sentences:
        raise ValueError(f"sentences of example {row['id']}")
    names = ("id", "patient", "reader", "film", "sha256", "split", "gaze_origin")
    return Example(**{name: row[name] for name in names}, image_shape=(rows, columns), labels=tuple(row["labels"]), sentences=sentences)


def _components_from_plain(plain: Mapping[str, Any]) -> GazeComponents:
    columns = {name: np.asarray(plain[name], dtype=np.float64) for name in ("x_px", "y_px", "sigma_px", "weight_s")}
    visible = np.asarray(plain["visible"], dtype=np.float64).reshape(-1, 4)
    if any(column.shape != (len(visible),) for column in columns.values()):
        raise ValueError("gaze components of different lengths")
    return GazeComponents(**columns, visible=visible)
