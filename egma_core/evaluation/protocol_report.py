"""Running a protocol: our figures on a public data set, beside the published ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from egma_core.evaluation.metrics import finite_or_none
from egma_core.evaluation.overlap import ReportedFilm, ancestry, overlap_notes
from egma_core.evaluation.probe import FeatureSource, LinearProbe, probe_films
from egma_core.evaluation.protocols import Protocol as EvaluationProtocol
from egma_core.evaluation.protocols import ProtocolFilms, Published, Task, protocol_films
from egma_core.evaluation.retrieval import Ranking, retrieve_classes
from egma_core.evaluation.scorers import FilmScorer, Progress, SentenceScorer
from egma_core.evaluation.zero_shot import LabelledFilm, ZeroShot, classify_films
from egma_core.examples.splits import assign_split

PROBE_FRACTIONS = (0.7, 0.1, 0.2)
"""Training, validation and test shares of the patients that a linear probe of a protocol uses."""


class Scorer(FilmScorer, SentenceScorer, FeatureSource, Protocol):
    """What a protocol asks of a predictor: all of it, and where its weights are."""

    checkpoint: Path


@dataclass(frozen=True)
class Comparison:
    """One figure, ours and theirs, in percent.

    Attributes:
        task: What was evaluated.
        figure: The figure's name.
        ours: Ours.
        ci95: Its 95 % interval, or None.
        published: Each paper's, by model.
    """

    task: Task
    figure: str
    ours: float
    ci95: tuple[float, float] | None
    published: dict[str, float]


@dataclass(frozen=True)
class ProtocolReport:
    """A protocol's figures.

    Attributes:
        id: The protocol.
        name: The data set.
        caution: What to keep in mind beside the published numbers.
        n_rows: Lines of the data set's table.
        n_selected: Films that the protocol selects.
        n_by_class: Those that were at hand, by class.
        zero_shot: Classification, if it is one of the tasks.
        retrieval: Retrieval by class, if it is one of the tasks.
        linear_probe: The linear probe, if it is one of the tasks and was asked for.
        comparisons: Every figure that a paper reports.
        notes: Whether the films were compared with what the model was trained on, and how.
    """

    id: str
    name: str
    caution: str
    n_rows: int
    n_selected: int
    n_by_class: dict[str, int]
    zero_shot: ZeroShot | None
    retrieval: Ranking | None
    linear_probe: LinearProbe | None
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...]

    @property
    def n_missing(self) -> int:
        """Films that the protocol selects and that were not at hand."""
        return self.n_selected - sum(self.n_by_class.values())

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        parts = {"zero_shot": self.zero_shot, "retrieval": self.retrieval, "linear_probe": self.linear_probe}
        return {
            "id": self.id,
            "name": self.name,
            "caution": self.caution,
            "n_rows": self.n_rows,
            "n_selected": self.n_selected,
            "n_missing": self.n_missing,
            "n_by_class": self.n_by_class,
            **{name: part.to_json() for name, part in parts.items() if part is not None},
            "comparisons": [
                {
                    "task": row.task,
                    "figure": row.figure,
                    "ours": finite_or_none(row.ours),
                    "ci95": None if row.ci95 is None else [finite_or_none(x) for x in row.ci95],
                    "published": row.published,
                }
                for row in self.comparisons
            ],
        }


def evaluate_protocol(
    predictor: Scorer,
    protocol: EvaluationProtocol,
    table: Path,
    folder: Path,
    *,
    probe: bool = False,
    allow_overlap: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> ProtocolReport:
    """Run a protocol on a data set that the user has.

    Args:
        predictor: The model; its class score should be the protocol's.
        protocol: The protocol.
        table: The data set's own CSV.
        folder: The folder of its films.
        probe: Also fit the linear probe, where the protocol has one.
        allow_overlap: Report on films that the model was trained or validated on, and say so, instead of refusing.
        seed: Seed of the intervals.
        progress: Called with units done and units in all, anew for each task.

    Raises:
        InterchangeError: The table cannot be used.
        ConfigError: None of the films is at hand, a task cannot be done with them, or the model was trained or validated on some.
        ImageError: A film cannot be read.
    """
    chosen = protocol_films(protocol, table, folder)
    films = list(chosen.films)
    notes = overlap_notes(
        ancestry(predictor.checkpoint), [ReportedFilm(film.path) for film in films], allowed=allow_overlap, progress=progress
    )
    zero_shot = ranking = fitted = None
    if "zero_shot" in protocol.tasks:
        zero_shot = classify_films(predictor, films, protocol.prompts, split=protocol.id, seed=seed, progress=progress)
    if "retrieval" in protocol.tasks:
        ranking = retrieve_classes(predictor, films, protocol.prompts, seed=seed, progress=progress)
    if probe and "linear_probe" in protocol.tasks:
        train, validation, test = (_part(films, split, seed) for split in ("train", "validation", "test"))
        fitted = probe_films(predictor, train, validation, test, split="test", progress=progress)
    return _report(protocol, chosen, zero_shot, ranking, fitted, notes)


def _part(films: list[LabelledFilm], split: str, seed: int) -> list[LabelledFilm]:
    return [film for film in films if assign_split(film.patient, seed, PROBE_FRACTIONS) == split]


def _report(
    protocol: EvaluationProtocol,
    chosen: ProtocolFilms,
    zero_shot: ZeroShot | None,
    ranking: Ranking | None,
    probe: LinearProbe | None,
    notes: tuple[str, ...],
) -> ProtocolReport:
    counts = Counter(film.labels[0] for film in chosen.films)
    ours: dict[Task, dict[str, tuple[float, tuple[float, float] | None]]] = {}
    if zero_shot is not None:
        intervals = {"accuracy": zero_shot.ci95, **zero_shot.intervals}
        ours["zero_shot"] = {name: (getattr(zero_shot, name), interval) for name, interval in intervals.items()}
    if ranking is not None:
        ours["retrieval"] = {name: (value, ranking.intervals.get(name)) for name, value in ranking.figures.items()}
    if probe is not None:
        ours["linear_probe"] = {f"{100 * s.share:g} %": (s.macro_auroc, s.ci95) for s in probe.shares}
    return ProtocolReport(
        id=protocol.id,
        name=protocol.name,
        caution=protocol.caution,
        n_rows=chosen.n_rows,
        n_selected=chosen.n_selected,
        n_by_class={name: counts[name] for name in protocol.classes},
        zero_shot=zero_shot,
        retrieval=ranking,
        linear_probe=probe,
        comparisons=tuple(
            Comparison(task, figure, 100 * value, None if ci95 is None else (100 * ci95[0], 100 * ci95[1]), theirs)
            for task, figures in ours.items()
            for figure, (value, ci95) in figures.items()
            if (theirs := _theirs(protocol.published, task, figure))
        ),
        notes=notes,
    )


def _theirs(published: tuple[Published, ...], task: Task, figure: str) -> dict[str, float]:
    return {row.model: row.figures[task][figure] for row in published if figure in row.figures.get(task, {})}
