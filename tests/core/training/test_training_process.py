"""Training as a child process and in the foreground: events, stop requests, errors in words."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from egma_core.errors import MissingExtraError, TrainingError
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.training.config import OptimConfig, TrainingConfig, save_config
from egma_core.training.loop import train
from egma_core.training.process import run_training
from egma_core.training.run import RunFolder

TINY = TrainingConfig(
    model=ModelConfig(VisionConfig(size_px=64, width=16), TextConfig(width=16, layers=1), embed_dim=16),
    optim=OptimConfig(steps=4, batch_size=8),
    device="cpu",
    threads=1,
)
ENDLESS = dataclasses.replace(TINY, optim=OptimConfig(steps=1_000_000, batch_size=8))


def start(config: TrainingConfig, manifest: Path, out: Path) -> subprocess.Popen[str]:
    save_config(out.with_suffix(".toml"), config)
    command = [sys.executable, "-m", "egma_core.training.process"]
    command += ["--manifest", str(manifest), "--config", str(out.with_suffix(".toml")), "--out", str(out)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def until(child: subprocess.Popen[str], name: str) -> dict[str, Any]:
    assert child.stdout is not None
    for line in child.stdout:
        event = json.loads(line)
        if event["event"] == name:
            return event
    raise AssertionError(f"the child ended without the event {name}")


@pytest.mark.parametrize("last_words", ['{"do": "sing"}\n{"do": "stop"}\n', ""])
def test_a_stop_request_and_the_end_of_stdin_both_save_and_end(tmp_path: Path, toy_manifest: Callable[..., Path], last_words: str) -> None:
    out = tmp_path / "run"
    with start(ENDLESS, toy_manifest(8, 0), out) as child:
        assert child.stdin is not None
        until(child, "step")
        if last_words:
            child.stdin.write(last_words)
            child.stdin.flush()
            assert "sing" in until(child, "error")["what"]
        else:
            child.stdin.close()
        stopped = until(child, "stopped")
        assert child.wait(30) == 0
    assert stopped["step"] >= 1
    assert RunFolder(out).pointed("latest") == RunFolder(out).checkpoint(stopped["step"])


def test_an_error_leaves_as_an_event_in_words(tmp_path: Path) -> None:
    with start(TINY, tmp_path / "manifest.json", tmp_path / "run") as child:
        error = until(child, "error")
        assert child.wait(30) == 1
    assert "manifest.json cannot be read" in error["what"]
    assert "egma export" in error["remedy"]


def test_ctrl_c_in_the_foreground_saves_and_returns(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    before, threads = signal.getsignal(signal.SIGINT), torch.get_num_threads()
    events: list[dict[str, Any]] = []

    def emit(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "step" and event["step"] == 2:
            signal.raise_signal(signal.SIGINT)

    try:
        assert run_training(TINY, toy_manifest(8, 0), tmp_path / "run", emit) == "stopped"
    finally:
        torch.set_num_threads(threads)
    assert (events[-1]["event"], events[-1]["step"]) == ("stopped", 2)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_ctrl_c_ends_at_once(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    before, threads = signal.getsignal(signal.SIGINT), torch.get_num_threads()

    def emit(event: dict[str, Any]) -> None:
        if event["event"] == "step":
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            run_training(TINY, toy_manifest(8, 0), tmp_path / "run", emit)
    finally:
        torch.set_num_threads(threads)
    assert signal.getsignal(signal.SIGINT) is before


def test_errors_are_logged_and_raised_in_the_foreground(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    threads = torch.get_num_threads()
    try:
        with pytest.raises(TrainingError, match="examples to train on"):
            run_training(TINY, toy_manifest(1, 0), tmp_path / "run", lambda event: None)
    finally:
        torch.set_num_threads(threads)
    assert json.loads(RunFolder(tmp_path / "run").events.read_text(encoding="utf-8"))["event"] == "error"


def test_nothing_is_logged_in_a_run_of_somebody_else(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    threads, manifest = torch.get_num_threads(), toy_manifest(8, 0)
    try:
        run_training(TINY, manifest, tmp_path / "run", lambda event: None)
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
        with pytest.raises(TrainingError, match="another configuration"):
            run_training(dataclasses.replace(TINY, seed=1), manifest, tmp_path / "run", lambda event: None)
    finally:
        torch.set_num_threads(threads)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == before


def test_without_torch_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name == "torch" or name.startswith(("torch.", "egma_core.training.loop"))]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("egma_core.examples.loader", "egma_core.training.objective", "egma_core.training.validation"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"egma\[train\]"):
        run_training(TINY, tmp_path / "manifest.json", tmp_path / "run", lambda event: None)


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems can kill without a word")
def test_a_killed_child_leaves_checkpoints_that_are_whole(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest, out = toy_manifest(8, 0), tmp_path / "run"
    config = dataclasses.replace(ENDLESS, checkpoint_every=1)
    with start(config, manifest, out) as child:
        for _ in range(3):
            until(child, "checkpoint")
        child.kill()
        child.wait(30)
    events: list[dict[str, Any]] = []
    threads = torch.get_num_threads()
    train(config, manifest, out, emit=events.append, should_stop=lambda: True)
    torch.set_num_threads(threads)
    assert events[0]["step"] >= 3
    assert events[-1]["event"] == "stopped"
