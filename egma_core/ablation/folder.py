"""A study's folder: what lies where, and the note that says which plan it is of."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from egma_core.ablation.plan import RunPlan, StudyPlan
from egma_core.errors import ConfigError
from egma_core.files import replace_file
from egma_core.options import from_mapping, to_mapping
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.phantoms import film_name, patient_id
from egma_core.training.config import TrainingConfig

NOTE = "study.json"

JUDGING = 2
"""How models are judged, counted up whenever a figure of a result changes its meaning; runs judged otherwise are judged again."""


@dataclass(frozen=True)
class StudyFolder:
    """The files of one study.

    `study.json` is the plan with its hash; `films/` and `manifests/` hold what is trained on, `results/` one JSON file for each
    finished run, `runs/` the runs with their models, `pictures/` decoded films, `without/` the test films' network pictures without
    each of their findings. The report lies beside them.

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
                if not is_record_of(json.loads(folder.note.read_text(encoding="utf-8")), plan):
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
            values: dict[str, Any] = self.record()["plan"]
            tuples: dict[str, Any] = {name: tuple(values[name]) for name in ("conditions", "budgets")}
            return StudyPlan(**{**values, **tuples})
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"The folder {self.path} holds no study.", "Name a study's folder with --out.") from error

    def record(self) -> dict[str, Any]:
        """The plan as plain values with its hash, as it was written when the study was begun (see `StudyPlan.record`).

        Raises:
            ConfigError: The note is missing or damaged.
        """
        try:
            record = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"The folder {self.path} holds no study.", "Name a study's folder with --out.") from error
        if not isinstance(record, dict):
            raise ConfigError(f"The folder {self.path} holds no study.", "Name a study's folder with --out.")
        return cast(dict[str, Any], record)

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

    def without(self, phantom: Phantom) -> Path:
        """One test film's network pictures, each without one of its findings."""
        return self.path / "without" / f"{patient_id(phantom)}.npy"

    @property
    def pictures(self) -> Path:
        """The folder of decoded films that all runs share."""
        return self.path / "pictures"

    @property
    def errors(self) -> Path:
        """What workers failed of that nobody foresaw, in full."""
        return self.path / "errors.log"

    def manifest(self, reader: str) -> Path:
        """The examples of one reader variant."""
        return self.path / "manifests" / f"{reader}.json"

    def run(self, name: str) -> Path:
        """The folder of a run."""
        return self.path / "runs" / name

    def result(self, name: str) -> Path:
        """What a finished run gave."""
        return self.path / "results" / f"{name}.json"

    def results(self, runs: tuple[RunPlan, ...]) -> dict[str, dict[str, Any]]:
        """The results that are there and judged as `JUDGING` says, by the runs' names; others count as not finished.

        Raises:
            ConfigError: One is damaged.
        """
        found: dict[str, dict[str, Any]] = {}
        for run in runs:
            path = self.result(run.name)
            if path.is_file():
                try:
                    result = json.loads(path.read_text(encoding="utf-8"))
                except ValueError as error:
                    raise ConfigError(f"The result {path.name} is damaged.", "Remove it and go on: it is made again.") from error
                if isinstance(result, dict) and cast(dict[str, Any], result).get("judging") == JUDGING:
                    found[run.name] = cast(dict[str, Any], result)
        return found


def is_record_of(record: object, plan: StudyPlan) -> bool:
    """Whether a study's note, perhaps written long ago, is of a plan.

    Options of trainings that the program did not have then count as left at their defaults, which are what it did then.
    """
    if not isinstance(record, Mapping):
        return False
    then, now = cast(Mapping[str, Any], record), json.loads(json.dumps(plan.record()))
    try:
        configurations = {name: to_mapping(from_mapping(TrainingConfig, values)) for name, values in then["configurations"].items()}
    except (ConfigError, KeyError, TypeError, AttributeError):
        return False
    return {**then, "configurations": configurations} == {**now, "hash": then.get("hash")}


def write_json(path: Path, value: Mapping[str, Any], *, indent: int | None = 1) -> None:
    """Write one JSON file in an indivisible change."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write one text file in an indivisible change."""
    with replacing(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path, None, None]:
    """A path to write to; what is there at the end takes the place of `path` in an indivisible change.

    The path is this process's own, so that two processes that write the same file do not meet.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        yield unfinished
        replace_file(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
