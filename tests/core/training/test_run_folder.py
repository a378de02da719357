"""The run's folder: pointers, pruning, and refusing to mix two runs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from egma_core.errors import CheckpointError, TrainingError
from egma_core.examples.manifest import Manifest
from egma_core.training.config import OptimConfig, TrainingConfig, load_config
from egma_core.training.run import RunFolder, open_run


def test_pointers_name_checkpoints_and_survive_pruning(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for step in (10, 20, 30, 40, 999_999, 1_000_000):
        run.checkpoint(step).mkdir(parents=True)
    assert run.pointed("latest") is None
    run.point("best", run.checkpoint(10))
    run.point("latest", run.checkpoint(1_000_000))
    run.prune(2)
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["step_000010", "step_1000000", "step_999999"]
    assert run.pointed("best") == run.checkpoint(10)
    assert (tmp_path / "latest").read_text(encoding="utf-8") == "step_1000000\n"


@pytest.mark.parametrize("name", ["step_000099", "../elsewhere", ""])
def test_a_pointer_to_nowhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "latest").write_text(name, encoding="utf-8")
    with pytest.raises(CheckpointError, match="latest"):
        RunFolder(tmp_path).pointed("latest")


def test_events_are_lines_of_json(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.log({"event": "step", "step": 1})
    run.log({"event": "done", "what": "größer"})
    assert [json.loads(line)["event"] for line in run.events.read_text(encoding="utf-8").splitlines()] == ["step", "done"]


def test_a_folder_takes_one_run(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest(4, 0))
    config = TrainingConfig(optim=OptimConfig(steps=5))
    run = open_run(tmp_path / "run", config, manifest)
    assert load_config(run.config) == config
    assert Manifest.load(run.manifest).hash == manifest.hash
    assert Manifest.load(run.manifest).films == manifest.films
    open_run(tmp_path / "run", dataclasses.replace(config, threads=1, keep=5, evaluate_every=3, device="cpu"), manifest)
    with pytest.raises(TrainingError, match="another configuration"):
        open_run(tmp_path / "run", dataclasses.replace(config, seed=1), manifest)
    with pytest.raises(TrainingError, match="other examples"):
        open_run(tmp_path / "run", config, dataclasses.replace(manifest, examples=manifest.examples[:3]))


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest(4, 0))
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear", encoding="utf-8")
    with pytest.raises(TrainingError, match="letters is no run"):
        open_run(tmp_path / "letters", TrainingConfig(), manifest)
    with pytest.raises(TrainingError, match="no run"):
        open_run(tmp_path / "letters" / "dear.txt", TrainingConfig(), manifest)
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]
