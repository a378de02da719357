"""A run may be cut anywhere and in any way: continued, it ends at the very weights, bit for bit, of one that never was."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from egma_core.errors import CheckpointError, ConfigError
from egma_core.examples.config import DataConfig
from egma_core.model import tiny
from egma_core.model.checkpoint import read_provenance
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.sealed import SEAL, seal_hash
from egma_core.training.config import OptimConfig, TrainingConfig, save_config
from egma_core.training.loop import train
from egma_core.training.process import run_training
from egma_core.training.run import RunFolder
from egma_core.training.start import latest_whole

TINY = TrainingConfig(
    model=ModelConfig(VisionConfig(size_px=64, width=16), TextConfig(width=16, layers=1), embed_dim=16),
    data=DataConfig(shift=0.05),
    optim=OptimConfig(steps=8, batch_size=4, learning_rate=3e-3),
    device="cpu",
    threads=1,
    evaluate_every=3,
)
SIGNALS = [name for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)]


@pytest.fixture(autouse=True)
def _own_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, toy_manifest_in: Callable[..., Path]) -> Path:
    return toy_manifest_in(tmp_path_factory.mktemp("toys"), 9, 4)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Path:
    """The run of `TINY` that nothing interrupted."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    run(TINY, manifest, out)
    return out


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory, manifest: Path) -> Path:
    """The run of `TINY` with checkpoints after 3 and 5 steps, stopped there; to be copied."""
    out = tmp_path_factory.mktemp("runs") / "cut"
    run(dataclasses.replace(TINY, keep=3), manifest, out, stop_after=5)
    return out


def run(config: TrainingConfig, manifest: Path, out: Path, stop_after: int | None = None) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []

    def should_stop() -> bool:
        return stop_after is not None and sum(e["event"] == "step" for e in events) >= stop_after

    train(config, manifest, out, emit=events.append, should_stop=should_stop)
    return events


def state(out: Path) -> dict[str, torch.Tensor]:
    folder = RunFolder(out).pointed("latest")
    assert folder is not None
    return {**load_file(folder / "model.safetensors"), **{f"o {k}": v for k, v in load_file(folder / "optimiser.safetensors").items()}}


def assert_same(one: Path, other: Path) -> None:
    a, b = state(one), state(other)
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_in_the_foreground(tmp_path: Path, manifest: Path, whole: Path, name: str) -> None:
    number = getattr(signal, name)
    before = signal.getsignal(number)

    def emit(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 4:
            signal.raise_signal(number)

    assert run_training(TINY, manifest, tmp_path / "cut", emit) == ("stopped" if name == "SIGINT" else "warned")
    assert signal.getsignal(number) is before
    assert RunFolder(tmp_path / "cut").pointed("latest") == RunFolder(tmp_path / "cut").checkpoint(4)
    run(TINY, manifest, tmp_path / "cut")
    assert_same(whole, tmp_path / "cut")


def stopped(child: subprocess.Popen[str]) -> int:
    """The step that a child says it stopped at."""
    said = [json.loads(line) for line in child.stdout or ()]
    assert child.wait(30) == 0
    assert said[-1]["event"] == "stopped", said[-1]
    return said[-1]["step"]


@pytest.mark.skipif(os.name != "posix", reason="signals to another process, and killing it without a word, are POSIX's")
def test_a_child_stopped_in_every_way_and_killed(tmp_path: Path, manifest: Path) -> None:
    """One run goes on after a stop request, the end of stdin, SIGTERM, SIGUSR1 and two times kill -9.

    It has more steps than it will ever do, and is compared with one that was not interrupted before the step it got to.
    """
    out = tmp_path / "cut"
    endless = dataclasses.replace(TINY.optim, steps=1_000_000, warmup=0.0)
    config = dataclasses.replace(TINY, optim=endless, checkpoint_every=10, evaluate_every=100)
    save_config(tmp_path / "config.toml", config)
    command = [sys.executable, "-m", "egma_core.training.process"]
    command += ["--manifest", str(manifest), "--config", str(tmp_path / "config.toml"), "--out", str(out)]
    chance = random.Random(7)
    reached = 0
    for way in ("request", "end of stdin", "SIGTERM", "SIGUSR1", "kill", "kill"):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as child:
            assert child.stdin is not None and child.stdout is not None
            for line in child.stdout:
                event = json.loads(line)
                if event["event"] == "start":
                    assert event["step"] == reached if way != "kill" else event["step"] >= reached
                if event["event"] == "step":
                    break
            if way == "kill":
                time.sleep(chance.uniform(0.0, 0.06))
                child.kill()
                assert child.wait(30) == -signal.SIGKILL
                continue
            if way == "request":
                child.stdin.write('{"do": "stop"}\n')
                child.stdin.flush()
            elif way == "end of stdin":
                child.stdin.close()
            else:
                child.send_signal(getattr(signal, way))
            reached = stopped(child)
    events = run(config, manifest, out, stop_after=5)
    assert events[0]["event"] == "start"
    assert events[0]["step"] >= reached
    run(config, manifest, tmp_path / "whole", stop_after=events[-1]["step"])
    assert_same(tmp_path / "whole", out)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("micro_batch", [0, 2])
def test_with_dropout_in_every_precision_and_size_of_pass(
    tmp_path: Path, manifest: Path, monkeypatch: pytest.MonkeyPatch, precision: str, micro_batch: int
) -> None:
    """Dropout shows whether the random state was kept, fp16 whether its scaler was."""
    plain = tiny.Layer.forward
    monkeypatch.setattr(tiny.Layer, "forward", lambda self, *given: functional.dropout(plain(self, *given), 0.1, self.training))
    optim = dataclasses.replace(TINY.optim, steps=4, precision=precision, micro_batch=micro_batch)
    config = dataclasses.replace(TINY, optim=optim)
    whole = run(config, manifest, tmp_path / "whole")
    first = run(config, manifest, tmp_path / "cut", stop_after=2)
    torch.manual_seed(99)
    run(config, manifest, tmp_path / "cut")
    assert_same(tmp_path / "whole", tmp_path / "cut")
    assert ("o scaler" in state(tmp_path / "whole")) == (precision == "fp16")
    steps = [e for e in whole if e["event"] == "step"]
    assert all(e["gradient_norm"] is None or e["gradient_norm"] > 0 for e in steps)
    assert all(0 < e["gaze_share"] < 1 for e in steps)
    assert [e["loss"] for e in first if e["event"] == "step"] == [e["loss"] for e in steps[:2]]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def drop_last_line(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


HARMS = [
    (file, harm) for file in ("model.safetensors", "optimiser.safetensors", "training.json", SEAL) for harm in (truncate, Path.unlink, flip)
]


@pytest.mark.parametrize(("file", "harm"), [*HARMS, (SEAL, empty), (SEAL, drop_last_line)])
def test_a_torn_checkpoint_is_never_loaded_and_the_one_before_it_is(
    tmp_path: Path, cut: Path, harm: Callable[[Path], None], file: str
) -> None:
    folder = RunFolder(tmp_path / "cut")
    shutil.copytree(cut, folder.path)
    torn = folder.checkpoint(5)
    harm(torn / file)
    latest, words = latest_whole(folder)
    assert latest == folder.pointed("latest") == folder.checkpoint(3)
    assert len(words) == 1
    assert "step_000005" in words[0]
    assert not torn.exists()
    assert folder.pointed("best") is not None


def test_a_torn_checkpoints_steps_are_done_again(tmp_path: Path, manifest: Path, whole: Path, cut: Path) -> None:
    folder = RunFolder(tmp_path / "cut")
    shutil.copytree(cut, folder.path)
    truncate(folder.checkpoint(5) / "model.safetensors")
    events = run(TINY, manifest, folder.path)
    assert [e["event"] for e in events[:2]] == ["damaged", "start"]
    assert "step_000005" in events[0]["what"]
    assert events[1]["step"] == 3
    assert json.loads(folder.events.read_text(encoding="utf-8").splitlines()[-len(events)]) == events[0]
    assert_same(whole, folder.path)


def test_what_a_killed_process_left_half_written_is_removed(tmp_path: Path, cut: Path) -> None:
    folder = RunFolder(tmp_path / "cut")
    shutil.copytree(cut, folder.path)
    leftover = folder.checkpoints / ".step_000009.0123abcd.unfinished"
    shutil.copytree(folder.checkpoint(5), leftover)
    (leftover / SEAL).unlink()
    assert latest_whole(folder) == (folder.checkpoint(5), ())
    assert not leftover.exists()


def test_when_no_checkpoint_is_whole_nothing_is_trained_or_moved(tmp_path: Path, manifest: Path, cut: Path) -> None:
    folder = RunFolder(tmp_path / "cut")
    shutil.copytree(cut, folder.path)
    for checkpoint in folder.newest_first():
        truncate(checkpoint / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"step_000005 is damaged: model\.safetensors"):
        run(TINY, manifest, folder.path)
    assert folder.newest_first() == [folder.checkpoint(5), folder.checkpoint(3)]


def test_a_lost_or_stale_pointer_does_not_matter(tmp_path: Path, manifest: Path, cut: Path) -> None:
    """The process may die between a checkpoint and the change of the pointers."""
    folder = RunFolder(tmp_path / "cut")
    shutil.copytree(cut, folder.path)
    (folder.path / "latest").write_text("step_000099\n", encoding="utf-8")
    (folder.path / "best").unlink()
    assert run(TINY, manifest, folder.path, stop_after=1)[0]["step"] == 5
    assert folder.pointed("latest") == folder.checkpoint(6)
    assert folder.pointed("best") is not None


def test_a_new_run_starts_from_another_ones_weights(tmp_path: Path, manifest: Path, whole: Path) -> None:
    shutil.copytree(whole, tmp_path / "first")
    first = RunFolder(tmp_path / "first").pointed("best")
    assert first is not None
    slow = dataclasses.replace(TINY.optim, learning_rate=1e-12, steps=2, warmup=0.0, weight_decay=0.0)
    config = dataclasses.replace(TINY, optim=slow, start_from=str(tmp_path / "first"), seed=4)
    run(config, manifest, tmp_path / "second", stop_after=1)
    shutil.move(tmp_path / "first", tmp_path / "elsewhere")  # it is not needed any more
    run(config, manifest, tmp_path / "second")
    second = RunFolder(tmp_path / "second").pointed("latest")
    assert second is not None
    parent = tmp_path / "elsewhere" / "checkpoints" / first.name
    assert read_provenance(second)["parent"] == seal_hash(parent)
    assert read_provenance(second)["config"]["start_from"] == "first"
    assert read_provenance(parent)["parent"] is None
    one, two = (load_file(folder / "model.safetensors") for folder in (parent, second))
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 1e-6
    assert (second / "tokenizer.json").read_text(encoding="utf-8") == (parent / "tokenizer.json").read_text(encoding="utf-8")


def test_a_run_does_not_start_from_another_model(tmp_path: Path, manifest: Path, whole: Path) -> None:
    other = dataclasses.replace(TINY.model, embed_dim=8)
    config = dataclasses.replace(TINY, model=other, start_from=str(whole))
    with pytest.raises(ConfigError, match="another model than the configuration's"):
        run(config, manifest, tmp_path / "second")
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        run(dataclasses.replace(TINY, start_from=str(tmp_path / "nowhere")), manifest, tmp_path / "third")
