"""`egma train`: what it takes, what it says, and who says it when there are several processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from egma_app.cli.main import main
from egma_app.cli.progress import training_line
from egma_core.errors import TrainingError
from egma_core.training.config import TrainingConfig, preset


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    """The configurations that training was called with; two events are told."""
    configs: list[TrainingConfig] = []

    def run_training(config: TrainingConfig, manifest: Path, out: Path, emit: Any) -> str:
        configs.append(config)
        emit({"event": "step", "step": 1, "steps": 2})
        emit({"event": "stopped", "step": 1, "steps": 2, "path": "run/checkpoints/step_000001"})
        return "stopped"

    monkeypatch.setattr("egma_core.training.process.run_training", run_training)
    return configs


def train(tmp_path: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["train", "tiny", "--manifest", str(tmp_path / "m.json"), "--out", str(tmp_path / "run"), *more])


def test_settings_are_changed_on_the_way(tmp_path: Path, trained: list[TrainingConfig]) -> None:
    done = train(tmp_path, "--set", "optim.steps=10", "--set", "devices=2")
    assert done.exit_code == 0, done.output
    assert (trained[0].optim.steps, trained[0].devices) == (10, 2)
    assert trained[0].model == preset("tiny").model
    assert "stopped at step 1 of 2" in done.output


@pytest.mark.parametrize(("outcome", "status"), [("done", 0), ("stopped", 0), ("warned", 75)])
def test_the_exit_status_tells_a_batch_script_to_queue_the_job_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, outcome: str, status: int
) -> None:
    monkeypatch.setattr("egma_core.training.process.run_training", lambda *_: outcome)
    assert train(tmp_path).exit_code == status


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--set", "optim.steps"], "--set optim.steps is not of the form NAME=VALUE. For example: --set optim.steps=10"),
        (["--set", "optim.stops=1"], "There is no setting optim.stops."),
        (["--store", "library.sqlite"], "Give either --store LIBRARY or --manifest FILE."),
    ],
)
def test_what_is_wrong_is_said_in_words(tmp_path: Path, trained: list[TrainingConfig], more: list[str], words: str) -> None:
    done = train(tmp_path, *more)
    assert done.exit_code == 2
    assert words in done.output
    assert trained == []


def test_an_error_of_another_process_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run_training(*_: Any) -> str:
        raise TrainingError("The disk is full.", "Buy another.")

    monkeypatch.setattr("egma_core.training.process.run_training", run_training)
    for name, value in {"RANK": "1", "LOCAL_RANK": "1", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    done = train(tmp_path)
    assert done.exit_code == 2
    assert done.output.strip() == "egma (process 2 of 2): The disk is full. Buy another."


def test_events_become_lines() -> None:
    start = {"event": "start", "run": "r", "step": 0, "steps": 9, "device": "cpu", "processes": 1, "threads": 2, "weights": 2_500_000}
    start |= {"examples": 16, "validation_examples": 8, "batches_per_epoch": 2, "gaze_patients": 7, "gaze_sentences": 30}
    assert training_line(start).startswith(
        "9 steps: 16 examples in 2 batches a pass, 8 to validate on; gaze of 30 sentences of 7 patients; 2.5 million weights"
    )
    assert training_line(start | {"step": 4, "processes": 3}).startswith("Going on at step 4 of 9: 16")
    assert training_line(start).endswith("on cpu, 2 threads.")
    assert "3 processes" in training_line(start | {"processes": 3})
    assert training_line({"event": "evaluation", "step": 5, "best": True, "loss": 1.25}) == "Step 5: loss 1.250; the best so far."
    assert training_line({"event": "evaluation", "step": 5, "best": False}) == ""
    assert "damaged" in training_line({"event": "damaged", "step": 3, "what": "The checkpoint step_000005 is damaged."})
    assert "Best checkpoint: a/b" in training_line({"event": "done", "step": 9, "steps": 9, "seconds": 3.0, "path": "a/b"})
    assert training_line({"event": "step", "step": 1, "steps": 9}) == ""
