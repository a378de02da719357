"""The demo, stage by stage: films, import, readings, gaze maps, training, evaluation, pictures, one report.

Nothing here computes: every stage calls what users call. The findings of the held-out films were all seen in
training, on other phantoms; the report says so.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from egma_core.assets import resource
from egma_core.demo.folder import DemoFolder
from egma_core.demo.pictures import draw_overlays
from egma_core.demo.reading import Task, read_films
from egma_core.demo.trainer import train_in_child
from egma_core.dicom.deidentify import Pseudonymiser
from egma_core.evaluation.gaze_agreement import evaluate_gaze_agreement
from egma_core.evaluation.zero_shot import evaluate_zero_shot
from egma_core.examples.export import export_examples
from egma_core.examples.manifest import Manifest
from egma_core.inference.predictor import Predictor
from egma_core.inference.prompts import builtin
from egma_core.inference.reference import reference_films
from egma_core.interchange.dicom import import_dicom
from egma_core.interchange.keys import library_key
from egma_core.processing import Recipe, process_all
from egma_core.store.store import Store
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.phantoms import LABELS_FILE, instance_uid, phantom_set, write_phantoms

Progress = Callable[[str, int, int], None]

STAGES = {
    "Drawing phantom films": 25.0,
    "Importing films": 6.0,
    "Reading films": 70.0,
    "Placing gaze": 6.0,
    "Training": 80.0,
    "Evaluating": 6.0,
    "Drawing overlays": 3.0,
}
"""The stages in order, with about the seconds each takes on two cores: the progress bar's weights."""

NOTE = (
    "All findings of these films were seen in training, on films of other phantoms; "
    "the patients, the prompts and the sentences of the test films' reader were not. "
    "Each prompt's score is taken relative to its mean over the validation films, whose labels are not looked at. "
    "Phantoms are drawings: the figures say that the chain works, and nothing about medicine."
)


@dataclass(frozen=True)
class DemoPlan:
    """Everything that decides a demo's result.

    Attributes:
        train: Phantoms to train on.
        validation: Phantoms to choose the best checkpoint by.
        test: Phantoms with a single finding each, all findings equally often, to report on.
        rate_hz: Samples per second of the simulated eye tracker.
        seed: First phantom's seed, and the seed of readers and splits.
        preset: The training configuration, one of the program's own.
        prompts: The prompt set, one of the program's own.
        version: The program's version.
    """

    train: int = 320
    validation: int = 24
    test: int = 120
    rate_hz: float = 120.0
    seed: int = 1
    preset: str = "demo"
    prompts: str = "phantom"
    version: str = version("egma")


def run_demo(out: Path, *, plan: DemoPlan = DemoPlan(), fresh: bool = False, progress: Progress | None = None) -> dict[str, Any]:
    """Run the demo, or what is left of it, in a folder.

    Args:
        out: The folder; afterwards it holds `library.sqlite`, `run/`, `overlays/` and `report.json`.
        plan: How large a demo, and of what.
        fresh: Start over even if the folder holds a demo of this plan.
        progress: Called with the stage's name, units done and units in all.

    Returns:
        The report, as written to `report.json`.

    Raises:
        EgmaError: The folder is not a demo's, or a stage failed; finished stages are kept.
    """
    folder = DemoFolder.open(out, asdict(plan), fresh=fresh)
    tell = progress or _silently
    splits = _phantoms(plan)
    with Store.open(out / "library.sqlite", create=True) as store:
        for name, stage in {
            "Drawing phantom films": lambda told: write_phantoms(out / "films", splits, progress=told),
            "Importing films": lambda told: _import(out, store, told),
            "Reading films": lambda told: _read(store, splits, plan, told),
            "Placing gaze": lambda told: process_all(store, Recipe(), progress=told),
            "Training": lambda told: _train(store, out, plan, told),
            "Evaluating": lambda told: _evaluate(out, plan, told),
            "Drawing overlays": lambda told: _draw(store, out, told),
        }.items():
            _run_stage(folder, name, stage, tell)
        return _report(folder, store)


def first_test_film(out: Path) -> Path:
    """The file of the first held-out film of a finished demo."""
    manifest = Manifest.load(out / "manifest.json")
    return manifest.film_path(manifest.of("test")[0])


def _run_stage(folder: DemoFolder, name: str, stage: Callable[[Callable[[int, int], None]], object], progress: Progress) -> None:
    if not folder.finished(name):
        progress(name, 0, 1)
        with folder.stage(name):
            stage(lambda done, total: progress(name, done, total))
    progress(name, 1, 1)


def _silently(_stage: str, _done: int, _total: int) -> None:
    """Report nothing."""


def _phantoms(plan: DemoPlan) -> dict[str, tuple[Phantom, ...]]:
    validation_seed = plan.seed + plan.train
    return {
        "train": phantom_set(plan.train, plan.seed),
        "validation": phantom_set(plan.validation, validation_seed),
        "test": phantom_set(plan.test, validation_seed + plan.validation, single_finding=True),
    }


def _import(out: Path, store: Store, told: Callable[[int, int], None]) -> None:
    import_dicom(out / "films", store, labels=out / "films" / LABELS_FILE, origin="phantom", progress=told)


def _read(store: Store, splits: dict[str, tuple[Phantom, ...]], plan: DemoPlan, told: Callable[[int, int], None]) -> None:
    """Reader A reads the training films, reader B, who phrases everything differently, the others."""
    pseudonymiser = Pseudonymiser(library_key(store))
    studies = {film.instance_uid: study.id for study in store.studies() for film in study.instances}
    tasks: list[Task] = []
    for split, phantoms in splits.items():
        for phantom in phantoms:
            film = pseudonymiser.uid(instance_uid(phantom))
            tasks.append(Task(phantom, film, studies[film], "A" if split == "train" else "B"))
    read_films(store, tasks, rate_hz=plan.rate_hz, seed=plan.seed, progress=told)


def _train(store: Store, out: Path, plan: DemoPlan, told: Callable[[int, int], None]) -> None:
    export_examples(store, out / "manifest.json", seed=plan.seed)
    train_in_child(out / "manifest.json", resource("presets", f"{plan.preset}.toml"), out / "run", told)


def _evaluate(out: Path, plan: DemoPlan, told: Callable[[int, int], None]) -> None:
    manifest, predictor = Manifest.load(out / "manifest.json"), Predictor(out / "run")
    predictor.centre_on(predictor.encode_many(reference_films(predictor.checkpoint)))
    zero_shot = evaluate_zero_shot(predictor, manifest, "test", builtin(plan.prompts), progress=lambda i, n: told(i, 2 * n))
    agreement = evaluate_gaze_agreement(predictor, manifest, "test", progress=lambda i, n: told(n + i, 2 * n))
    figures = {"zero_shot": zero_shot.to_json(), "gaze_agreement": agreement.to_json()}
    (out / "run" / "evaluation.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _draw(store: Store, out: Path, told: Callable[[int, int], None]) -> None:
    overlays = out / "overlays"
    if overlays.is_dir():
        shutil.rmtree(overlays)
    overlays.mkdir()
    draw_overlays(store, Predictor(out / "run"), overlays, progress=told)


def _report(folder: DemoFolder, store: Store) -> dict[str, Any]:
    figures = json.loads((folder.path / "run" / "evaluation.json").read_text(encoding="utf-8"))
    readings = store.readings(states=("complete",))
    report = {
        "zero_shot": figures["zero_shot"],
        "gaze_agreement": figures["gaze_agreement"],
        "n_readings": len(readings),
        "n_samples_recorded": sum(reading.n_samples for reading in readings),
        "seconds": round(sum(folder.seconds.values()), 1),
        "stage_seconds": folder.seconds,
        "prompts_seen_in_training": figures["zero_shot"]["prompts_seen_in_training"],
        "note": NOTE,
    }
    unfinished = folder.path / "report.json.part"
    unfinished.write_text(json.dumps(report, indent=1), encoding="utf-8")
    unfinished.replace(folder.path / "report.json")
    return report
