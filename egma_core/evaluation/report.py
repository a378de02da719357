"""One evaluation of one checkpoint, as one report: whatever was asked for, and what must be said beside the figures."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from egma_core.errors import ConfigError
from egma_core.evaluation.boxes import GroundingCase, PhraseBoxes, cases_in_folder, cases_in_manifest
from egma_core.evaluation.gaze_agreement import GazeAgreement, evaluate_gaze_agreement
from egma_core.evaluation.grounding import Grounding, Normalisation, evaluate_grounding
from egma_core.evaluation.overlap import ReportedFilm, ancestry, overlap_notes
from egma_core.evaluation.probe import LinearProbe, evaluate_probe
from egma_core.evaluation.protocol_report import ProtocolReport, Scorer
from egma_core.evaluation.retrieval import Retrieval, evaluate_retrieval
from egma_core.evaluation.zero_shot import ZeroShot, evaluate_zero_shot, labelled_films
from egma_core.examples.manifest import Manifest
from egma_core.examples.splits import Split
from egma_core.inference.prompts import PromptSet, best_builtin
from egma_core.model.sealed import seal_hash

TRAINED_ON = "These are the films that the model was trained on: the figures say how well it remembers, not how well it does on new films."
CHOSEN_BY = "The best checkpoint was chosen on these films, so the figures are a little too good."

StageProgress = Callable[[str, int, int], None]
"""Called with the part's name, units done and units in all."""


class HasCheckpoint(Scorer, Protocol):
    """A predictor that says how sentences' scores become a class's."""

    class_score: Any


@dataclass(frozen=True)
class Plan:
    """What to evaluate on a split.

    Attributes:
        split: The split.
        prompts: The classes to tell apart; None takes the program's set that names most of the films' labels.
        gaze: Compare with gaze, where there is some.
        retrieval: Retrieve reports and sentences.
        probe: Fit linear probes.
        boxes: Phrases with boxes, or None.
        boxes_folder: Where their films lie; None for the manifest's.
        normalisation: What the overlap with boxes is of.
        tolerance_px: How far beside a box pointing is forgiven.
        allow_overlap: Report on films that the model was trained or validated on, and say so, instead of refusing.
    """

    split: Split = "test"
    prompts: PromptSet | None = None
    gaze: bool = True
    retrieval: bool = False
    probe: bool = False
    boxes: tuple[PhraseBoxes, ...] | None = None
    boxes_folder: Path | None = None
    normalisation: Normalisation = "minmax"
    tolerance_px: float = 0.0
    allow_overlap: bool = False


@dataclass(frozen=True)
class Report:
    """The figures of one checkpoint; parts that were not asked for are None.

    Attributes:
        checkpoint: The checkpoint's name.
        checkpoint_hash: Hexadecimal SHA-256 of its seal, and so of all its files.
        class_score: How sentences' scores became a class's.
        reference_films: How many films scores are relative to; 0 for plain scores.
        notes: What must be said beside the figures.
        zero_shot: Classification by prompts.
        gaze_agreement: Agreement with readers' gaze.
        retrieval: Retrieval both ways.
        linear_probe: Linear probes of the frozen image encoder.
        grounding: Phrases against boxes.
        protocol: A protocol on a public data set.
    """

    checkpoint: str
    checkpoint_hash: str
    class_score: str
    reference_films: int
    notes: tuple[str, ...] = ()
    zero_shot: ZeroShot | None = None
    gaze_agreement: GazeAgreement | None = None
    retrieval: Retrieval | None = None
    linear_probe: LinearProbe | None = None
    grounding: Grounding | None = None
    protocol: ProtocolReport | None = None

    @classmethod
    def about(cls, predictor: HasCheckpoint, reference_films: int, **parts: Any) -> Report:
        """A report on a predictor's checkpoint with the given parts."""
        return cls(predictor.checkpoint.name, seal_hash(predictor.checkpoint), str(predictor.class_score), reference_films, **parts)

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON; parts that were not asked for are left out, undefined figures are null."""
        parts = ("zero_shot", "gaze_agreement", "retrieval", "linear_probe", "grounding", "protocol")
        return {
            "checkpoint": self.checkpoint,
            "checkpoint_hash": self.checkpoint_hash,
            "class_score": self.class_score,
            "reference_films": self.reference_films,
            "notes": list(self.notes),
            **{name: getattr(self, name).to_json() for name in parts if getattr(self, name) is not None},
        }


def evaluate(
    predictor: HasCheckpoint, manifest: Manifest, plan: Plan, *, reference_films: int = 0, progress: StageProgress | None = None
) -> Report:
    """Evaluate a checkpoint on one split of a manifest.

    Args:
        predictor: The model.
        manifest: The examples.
        plan: What to evaluate.
        reference_films: How many films the predictor was centred on, for the report.
        progress: Called with the part's name, units done and units in all.

    Raises:
        ConfigError: The split is empty, a part that was asked for cannot be done with it, or the model was trained or validated on
            films of it or their patients (unless it is a training or validation split of the run's own manifest).
        ImageError: A film cannot be read.
    """
    examples = manifest.of(plan.split)
    if not examples:
        raise ConfigError(f"The manifest has no {plan.split} split.", "Choose another split, or another manifest.")
    if plan.probe and plan.split != "test":
        raise ConfigError(
            f"A linear probe learns from the training split and chooses on the validation split, so it cannot report on {plan.split}.",
            "Report on the test split, or leave the probe out.",
        )

    def told(part: str) -> Callable[[int, int], None] | None:
        return functools.partial(progress, part) if progress is not None else None

    cases = _cases(plan, manifest)
    notes = [{"train": TRAINED_ON, "validation": CHOSEN_BY}[plan.split]] if plan.split != "test" else []
    notes += _overlap(predictor.checkpoint, manifest, plan, cases, told("overlap"))
    parts: dict[str, Any] = {}
    prompts = plan.prompts or best_builtin(label for film in labelled_films(manifest, plan.split) for label in film.labels)
    if prompts is None:
        notes.append("No zero-shot figures: no film is labelled with a class of the program's prompt sets.")
    else:
        parts["zero_shot"] = evaluate_zero_shot(predictor, manifest, plan.split, prompts, progress=told("zero-shot"))
    if plan.gaze and any(s.gaze is not None for e in examples for s in e.sentences):
        parts["gaze_agreement"] = evaluate_gaze_agreement(predictor, manifest, plan.split, progress=told("gaze"))
    if plan.retrieval:
        parts["retrieval"] = evaluate_retrieval(predictor, manifest, plan.split, progress=told("retrieval"))
    if plan.probe:
        parts["linear_probe"] = evaluate_probe(predictor, manifest, plan.split, progress=told("linear probe"))
    if plan.boxes is not None:
        parts["grounding"] = evaluate_grounding(
            predictor,
            cases,
            n_missing=len(plan.boxes) - len(cases),
            normalisation=plan.normalisation,
            tolerance_px=plan.tolerance_px,
            progress=told("grounding"),
        )
    return Report.about(predictor, reference_films, notes=tuple(notes), **parts)


def _cases(plan: Plan, manifest: Manifest) -> list[GroundingCase]:
    if plan.boxes is None:
        return []
    folder = plan.boxes_folder
    return cases_in_manifest(plan.boxes, manifest, plan.split) if folder is None else cases_in_folder(plan.boxes, folder)


def _overlap(
    checkpoint: Path, manifest: Manifest, plan: Plan, cases: list[GroundingCase], progress: Callable[[int, int], None] | None
) -> tuple[str, ...]:
    """What is to be said of films in common with training; a learned split of the run's own manifest has its note already."""
    seen, source = ancestry(checkpoint, [manifest]), manifest.hash
    own = bool(seen.manifests) and seen.manifests[0].hash == source
    films = [] if own and plan.split != "test" else [ReportedFilm.of(manifest, e) for e in manifest.of(plan.split)]
    if plan.boxes_folder is not None:
        films += [ReportedFilm(case.path) for case in cases]
    films = list({film.path: film for film in films}.values())
    return overlap_notes(seen, films, source=source, allowed=plan.allow_overlap, progress=progress) if films else ()
