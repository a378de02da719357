"""One run of a study after another: train by the program's own loop, judge on the held-out films, keep the result alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from time import perf_counter_ns
from typing import Any

import torch

from egma_core.ablation.figures import evaluate
from egma_core.ablation.folder import StudyFolder, write_json
from egma_core.ablation.heldout import HeldOut
from egma_core.ablation.plan import USUAL, RunPlan, StudyPlan
from egma_core.errors import ConfigError
from egma_core.examples.manifest import Manifest
from egma_core.model.checkpoint import load_model
from egma_core.synthetic.films import make_phantom
from egma_core.training.config import TrainingConfig
from egma_core.training.loop import train
from egma_core.training.run import RunFolder

Emit = Callable[[dict[str, Any]], None]


class Trials:
    """Runs of one study in one process; the held-out films are made ready once."""

    def __init__(self, folder: StudyFolder, prompts: Mapping[str, tuple[str, ...]]) -> None:
        """Take the study in `folder`; `prompts` stand for the findings.

        Raises:
            ConfigError: The folder holds no study.
            InterchangeError: The usual reader's manifest cannot be used.
            ImageError: A held-out film cannot be read.
        """
        self._folder = folder
        self._plan: StudyPlan = folder.plan()
        self._runs: dict[str, RunPlan] = {run.name: run for run in self._plan.runs}
        manifest = Manifest.load(folder.manifest(USUAL.name))
        phantoms = [make_phantom(seed) for seed in self._plan.phantom_seeds()["test"]]
        self._held_out = HeldOut.of(manifest, phantoms, prompts, self._plan.size_px, seed=self._plan.reading_seed)

    def run(self, name: str, emit: Emit, should_stop: Callable[[], bool]) -> bool:
        """Train and judge one run, or go on with it; its last checkpoint counts, and its folder is removed at the end.

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
        folder, start = self._folder.run(name), perf_counter_ns()
        config = self._on_this_machine(self._plan.config(run))
        last: dict[str, Any] = {}

        def follow(event: dict[str, Any]) -> None:
            last[event["event"]] = event
            emit(event)

        if train(config, self._folder.manifest(run.reader), folder, emit=follow, should_stop=should_stop) != "done":
            return False
        checkpoint = RunFolder(folder).pointed("latest")
        assert checkpoint is not None
        model = load_model(checkpoint, torch.device("cpu"))
        result = {
            **asdict(run),
            "figures": evaluate(model, self._held_out),
            "validation": {key: value for key, value in last["evaluation"].items() if isinstance(value, float)},
            "seconds": (perf_counter_ns() - start) / 1e9,
        }
        write_json(self._folder.result(name), result)
        shutil.rmtree(folder)
        return True

    def _on_this_machine(self, config: TrainingConfig) -> TrainingConfig:
        """Decoded films are kept for the runs to come."""
        return replace(config, data=replace(config.data, cache_folder=str(self._folder.pictures.resolve())))
