"""One run of a study after another: train by the program's own loop, judge on the held-out films, keep result and model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import torch

from egma_core.ablation.counterfactual import load_without
from egma_core.ablation.figures import evaluate
from egma_core.ablation.folder import JUDGING, StudyFolder, write_json
from egma_core.ablation.heldout import HeldOut
from egma_core.ablation.plan import USUAL, RunPlan, StudyPlan
from egma_core.ablation.provenance import prompts_hash
from egma_core.ablation.questions import Questions
from egma_core.errors import ConfigError
from egma_core.examples.manifest import Manifest
from egma_core.model.checkpoint import load_model
from egma_core.model.code import code_version
from egma_core.training.config import TrainingConfig, load_config
from egma_core.training.loop import train
from egma_core.training.run import RunFolder

Emit = Callable[[dict[str, Any]], None]


class Trials:
    """Runs of one study in one process; the held-out films are made ready once."""

    def __init__(self, folder: StudyFolder, prompts: Mapping[str, tuple[str, ...]]) -> None:
        """Take the study in `folder`; `prompts` stand for the findings.

        Raises:
            ConfigError: The folder holds no study, or a held-out film's pictures without its findings are missing.
            InterchangeError: The usual reader's manifest cannot be used.
            ImageError: A held-out film cannot be read.
        """
        self._folder = folder
        self._plan: StudyPlan = folder.plan()
        self._runs: dict[str, RunPlan] = {run.name: run for run in self._plan.runs}
        manifest, size_px = Manifest.load(folder.manifest(USUAL.name)), self._plan.size_px
        self._manifests = {USUAL.name: manifest.hash}
        questions = Questions.of(self._plan)
        self._held_out = HeldOut.of(
            manifest,
            questions,
            lambda phantom: load_without(folder.without(phantom), phantom, size_px),
            prompts,
            size_px,
            seed=self._plan.reading_seed,
        )
        self._by = {"questions": questions.digest, "prompts": prompts_hash(prompts), "code": code_version()["code"]}

    def run(self, name: str, emit: Emit, should_stop: Callable[[], bool]) -> bool:
        """Train and judge one run, or go on with it; a trained one is judged alone. Its last checkpoint counts.

        Args:
            name: The run's name in the plan.
            emit: Takes the training's events.
            should_stop: Asked before each step.

        Returns:
            Whether it was finished; else its state is saved.

        Raises:
            EgmaError: The run is not in the plan, or training failed.
        """
        run = self._runs.get(name)
        if run is None:
            raise ConfigError(f"The study has no run {name}.", "Begin the study again.")
        trained = RunFolder(self._folder.run(name))
        metrics = self._metrics_of(trained, run)
        if metrics is None:
            config = self._on_this_machine(self._plan.config(run))
            if train(config, self._folder.manifest(run.reader), trained.path, emit=emit, should_stop=should_stop) != "done":
                return False
            metrics = json.loads(trained.metrics.read_text(encoding="utf-8"))
        checkpoint = trained.pointed("latest")
        assert checkpoint is not None
        result = {
            **asdict(run),
            "judging": JUDGING,
            "judged_by": self._by,
            "figures": evaluate(load_model(checkpoint, torch.device("cpu")), self._held_out),
            "validation": metrics["validation"],
            "seconds": metrics["seconds"],
        }
        write_json(self._folder.result(name), result, indent=None)
        return True

    def _metrics_of(self, trained: RunFolder, run: RunPlan) -> Mapping[str, Any] | None:
        """The final figures of a run that is trained to its end, as planned and on the study's examples; None of any other."""
        if not (trained.metrics.is_file() and trained.config.is_file() and trained.holds("latest")):
            return None
        metrics = json.loads(trained.metrics.read_text(encoding="utf-8"))
        config = load_config(trained.config)
        config = replace(config, data=replace(config.data, cache_folder=""))
        if run.reader not in self._manifests:
            self._manifests[run.reader] = Manifest.load(self._folder.manifest(run.reader)).hash
        as_planned = config == self._plan.config(run) and metrics["steps"] == run.budget
        return metrics if as_planned and metrics["manifest"] == self._manifests[run.reader] else None

    def _on_this_machine(self, config: TrainingConfig) -> TrainingConfig:
        """Decoded films are kept for the runs to come."""
        return replace(config, data=replace(config.data, cache_folder=str(self._folder.pictures.resolve())))
