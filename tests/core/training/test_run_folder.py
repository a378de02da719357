"""The run's folder: pointers, pruning, and refusing to mix two runs."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from egma_core.errors import CheckpointError, TrainingError
from egma_core.examples.manifest import Manifest
from egma_core.training import run as run_module
from egma_core.training.config import OptimConfig, TrainingConfig, load_config
from egma_core.training.run import CLAIM, RunFolder, open_run


@pytest.fixture
def accepted() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


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


def test_a_folder_takes_one_run(tmp_path: Path, toy_manifest: Callable[..., Path], accepted: contextlib.ExitStack) -> None:
    manifest = Manifest.load(toy_manifest(4, 0))
    config = TrainingConfig(optim=OptimConfig(steps=5))
    run = open_run(tmp_path / "run", config, manifest, accepted)
    accepted.close()
    assert load_config(run.config) == config
    assert Manifest.load(run.manifest).hash == manifest.hash
    assert Manifest.load(run.manifest).films == manifest.films
    open_run(tmp_path / "run", dataclasses.replace(config, threads=1, keep=5, evaluate_every=3, device="cpu"), manifest, accepted)
    accepted.close()
    with pytest.raises(TrainingError, match="another configuration"):
        open_run(tmp_path / "run", dataclasses.replace(config, seed=1), manifest, accepted)
    with pytest.raises(TrainingError, match="other examples") as grown:
        open_run(tmp_path / "run", config, dataclasses.replace(manifest, examples=manifest.examples[:3]), accepted)
    assert f"--manifest {run.manifest}" in grown.value.remedy


def test_a_run_is_trained_by_one_process_at_a_time(
    tmp_path: Path, toy_manifest: Callable[..., Path], accepted: contextlib.ExitStack
) -> None:
    manifest, config = Manifest.load(toy_manifest(4, 0)), TrainingConfig(optim=OptimConfig(steps=5))
    run = open_run(tmp_path / "run", config, manifest, accepted)
    with contextlib.ExitStack() as second, pytest.raises(TrainingError, match="Another process is training the run run"):
        open_run(tmp_path / "run", config, manifest, second)
    assert not run.events.exists()
    accepted.close()
    open_run(tmp_path / "run", config, manifest, accepted)


def test_errors_are_logged_only_where_the_folder_was_accepted(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest, config = Manifest.load(toy_manifest(4, 0)), TrainingConfig(optim=OptimConfig(steps=5))
    with pytest.raises(CheckpointError), contextlib.ExitStack() as accepted:
        run = open_run(tmp_path / "run", config, manifest, accepted)
        raise CheckpointError("Torn.", "Mend it.")
    logged = run.events.read_text(encoding="utf-8")
    assert json.loads(logged) == {"event": "error", "what": "Torn.", "remedy": "Mend it."}
    with pytest.raises(TrainingError, match="another configuration"), contextlib.ExitStack() as accepted:
        open_run(tmp_path / "run", dataclasses.replace(config, seed=1), manifest, accepted)
    assert run.events.read_text(encoding="utf-8") == logged


def test_a_run_that_was_killed_while_it_began_begins_again(
    tmp_path: Path, toy_manifest: Callable[..., Path], accepted: contextlib.ExitStack
) -> None:
    manifest = Manifest.load(toy_manifest(4, 0))
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / CLAIM).touch()
    (tmp_path / "run" / "manifest.json").write_text("{", encoding="utf-8")
    assert open_run(tmp_path / "run", TrainingConfig(), manifest, accepted).config.is_file()


def test_only_folders_named_by_a_step_are_checkpoints(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    for name in ("step_000010", "step_000020", "step_000010 copy", "step_best", "step_"):
        (run.checkpoints / name).mkdir(parents=True)
    (run.checkpoints / "step_000030").write_text("a file", encoding="utf-8")
    assert [path.name for path in run.newest_first()] == ["step_000020", "step_000010"]
    run.prune(1)
    assert not run.checkpoint(10).exists()
    assert (run.checkpoints / "step_000010 copy").is_dir()


def test_pruning_ends_no_run_and_leaves_no_half_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunFolder(tmp_path)
    for step in (10, 20, 30):
        run.checkpoint(step).mkdir(parents=True)
        (run.checkpoint(step) / "file").touch()
    (tmp_path / "best").write_text("step_000099", encoding="utf-8")

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(13, "in use")

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "replace_file", refuse)
        run.prune(1)
    assert len(run.newest_first()) == 3
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", lambda path, ignore_errors: (path / "file").unlink())
        run.prune(1)
    assert run.newest_first() == [run.checkpoint(30)]
    assert len(list(run.checkpoints.iterdir())) == 3
    run.tidy()
    assert list(run.checkpoints.iterdir()) == [run.checkpoint(30)]


def test_what_the_disk_refuses_is_said_in_words(tmp_path: Path, toy_manifest: Callable[..., Path], accepted: contextlib.ExitStack) -> None:
    run = RunFolder(tmp_path / "run")
    run.checkpoint(1).mkdir(parents=True)
    for name in ("events.jsonl", "latest.tmp", "metrics.json.tmp"):
        (run.path / name).mkdir()
    with pytest.raises(TrainingError, match="cannot log what happens"):
        run.log({"event": "step"})
    with pytest.raises(TrainingError, match="The file latest of the run run cannot be written"):
        run.point("latest", run.checkpoint(1))
    with pytest.raises(TrainingError, match=r"The file metrics\.json of the run run cannot be written"):
        run.write_metrics({})
    with pytest.raises(CheckpointError, match="cannot be moved out of the way"):
        run.put_aside(run.checkpoint(2))
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="The run's folder run cannot be used"):
        open_run(tmp_path / "file" / "run", TrainingConfig(), Manifest.load(toy_manifest(4, 0)), accepted)


def test_a_folder_with_something_else_in_it_is_left_alone(
    tmp_path: Path, toy_manifest: Callable[..., Path], accepted: contextlib.ExitStack
) -> None:
    manifest = Manifest.load(toy_manifest(4, 0))
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear", encoding="utf-8")
    with pytest.raises(TrainingError, match="letters is no run"):
        open_run(tmp_path / "letters", TrainingConfig(), manifest, accepted)
    with pytest.raises(TrainingError, match="no run"):
        open_run(tmp_path / "letters" / "dear.txt", TrainingConfig(), manifest, accepted)
    assert [path.name for path in (tmp_path / "letters").iterdir()] == ["dear.txt"]
