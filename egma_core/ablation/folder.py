"""A study's folder: what lies where, and the note that says which plan it is of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egma_core.ablation.plan import RunPlan, StudyPlan
from egma_core.errors import ConfigError
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.phantoms import film_name

NOTE = "study.json"


@dataclass(frozen=True)
class StudyFolder:
    """The files of one study.

    `study.json` is the plan with its hash; `films/` and `manifests/` hold what is trained on, `results/` one JSON file for each
    finished run, `runs/` the runs that are not finished, `pictures/` decoded films. The report lies beside them.

    Attributes:
        path: The folder.
    """

    path: Path

    @classmethod
    def open(cls, path: Path, plan: StudyPlan) -> StudyFolder:
        """Begin a study in a folder, or find it there to go on with.

        Raises:
            ConfigError: The folder holds another study, or something that is no study, or cannot be written.
        """
        folder = cls(path)
        try:
            if path.exists() and not path.is_dir():
                raise ConfigError(f"{path} is a file, not a folder.", "Name another folder with --out.")
            if folder.note.is_file():
                kept = json.loads(folder.note.read_text(encoding="utf-8"))
                if not isinstance(kept, dict) or kept.get("hash") != plan.hash:
                    raise ConfigError(
                        f"The folder {path} holds a study of another plan.",
                        "Give the options that it was begun with, or name another folder with --out.",
                    )
                return folder
            if path.is_dir() and any(path.iterdir()):
                raise ConfigError(f"The folder {path} holds other things than a study.", "Name a new or empty folder with --out.")
            path.mkdir(parents=True, exist_ok=True)
            write_json(folder.note, {"hash": plan.hash, **plan.record()})
        except (OSError, ValueError) as error:
            raise ConfigError(f"The folder {path} cannot be used for a study ({error}).", "Name another folder with --out.") from error
        return folder

    def plan(self) -> StudyPlan:
        """The plan that the study was begun with.

        Raises:
            ConfigError: The note is missing or damaged.
        """
        try:
            values: dict[str, Any] = json.loads(self.note.read_text(encoding="utf-8"))["plan"]
            tuples: dict[str, Any] = {name: tuple(values[name]) for name in ("conditions", "budgets")}
            return StudyPlan(**{**values, **tuples})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"The folder {self.path} holds no study.", "Begin it again in another folder.") from error

    @property
    def note(self) -> Path:
        """The plan."""
        return self.path / NOTE

    @property
    def films(self) -> Path:
        """The folder of the phantoms' films."""
        return self.path / "films"

    def film(self, phantom: Phantom) -> Path:
        """One phantom's film."""
        return self.films / film_name(phantom)

    @property
    def pictures(self) -> Path:
        """The folder of decoded films that all runs share."""
        return self.path / "pictures"

    def manifest(self, reader: str) -> Path:
        """The examples of one reader variant."""
        return self.path / "manifests" / f"{reader}.json"

    def run(self, name: str) -> Path:
        """The folder of a run that is not finished."""
        return self.path / "runs" / name

    def result(self, name: str) -> Path:
        """What a finished run gave."""
        return self.path / "results" / f"{name}.json"

    def results(self, runs: tuple[RunPlan, ...]) -> dict[str, dict[str, Any]]:
        """The results that are there, by the runs' names.

        Raises:
            ConfigError: One is damaged.
        """
        found: dict[str, dict[str, Any]] = {}
        for run in runs:
            path = self.result(run.name)
            if path.is_file():
                try:
                    found[run.name] = json.loads(path.read_text(encoding="utf-8"))
                except ValueError as error:
                    raise ConfigError(f"The result {path.name} is damaged.", "Remove it and go on: it is made again.") from error
        return found


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write one JSON file in an indivisible change."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write one text file in an indivisible change."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text(text, encoding="utf-8", newline="\n")
    unfinished.replace(path)
