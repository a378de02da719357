"""Several real processes on this machine, joined by Lightning Fabric over gloo: the same training as one process's."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import distributed

from egma_core.errors import ConfigError, TrainingError
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.training.config import OptimConfig, TrainingConfig
from egma_core.training.loop import train
from egma_core.training.place import Place, find_place, processes_to_start
from egma_core.training.process import run_training
from egma_core.training.run import RunFolder

TINY = TrainingConfig(
    model=ModelConfig(VisionConfig(size_px=64, width=16), TextConfig(width=16, layers=1), embed_dim=16),
    optim=OptimConfig(steps=5, batch_size=7, learning_rate=1e-3),
    device="cpu",
    threads=1,
    evaluate_every=3,
)
TWO = dataclasses.replace(TINY, devices=2)


@pytest.fixture
def _joined() -> None:
    pytest.importorskip("lightning_fabric", reason="several processes need Lightning Fabric")
    if not (distributed.is_available() and distributed.is_gloo_available()):
        pytest.skip("this torch cannot join processes on CPUs")


@pytest.fixture(autouse=True)
def _own_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def weights(out: Path) -> dict[str, torch.Tensor]:
    folder = RunFolder(out).pointed("latest")
    assert folder is not None
    return load_file(folder / "model.safetensors")


@pytest.mark.usefixtures("_joined")
def test_two_processes_have_the_gradients_of_one_on_the_union_of_their_parts(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script, result = Path(__file__).with_name("rank.py"), tmp_path / "differences.json"
    place = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "USE_LIBUV": "0"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(result)],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    differences = json.loads(result.read_text(encoding="utf-8"))
    assert len(differences) == 10
    assert max(differences.values()) < 1e-6, differences


@pytest.mark.usefixtures("_joined")
def test_two_processes_stop_together_go_on_and_end_at_the_weights_of_one(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    """Batches of 7 and 6 films, so that the parts differ by one; stopped by Ctrl+C two times.

    The run has more steps than it will ever do, and is compared with one process's that stops where it got to.
    """
    manifest = toy_manifest(13, 5)
    optim = dataclasses.replace(TINY.optim, steps=1_000_000, learning_rate=1e-4, warmup=0.0)
    events: list[dict[str, Any]] = []

    def emit(event: dict[str, Any]) -> None:
        events.append(event)
        if event["event"] == "step" and sum(e["event"] == "step" for e in events[started:]) == 1:
            signal.raise_signal(signal.SIGINT)

    for _ in range(2):
        started = len(events)
        assert run_training(dataclasses.replace(TWO, optim=optim), manifest, tmp_path / "two", emit) == "stopped"
        assert events[started]["processes"] == 2
    reached = events[-1]["step"]
    assert reached >= 2
    assert [e["step"] for e in events if e["event"] == "step"] == list(range(1, reached + 1))
    done: list[int] = []
    train(
        dataclasses.replace(TINY, optim=optim),
        manifest,
        tmp_path / "one",
        emit=lambda event: done.append(event["step"]) if event["event"] == "step" else None,
        should_stop=lambda: len(done) == reached,
    )
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    # Each step moves a weight by the learning rate, whatever its gradient's size, so that the smallest gradients' rounding shows.
    assert max(float((one[name] - two[name]).abs().max()) for name in one) < 0.1 * reached * optim.learning_rate
    logged = [json.loads(line) for line in RunFolder(tmp_path / "two").events.read_text(encoding="utf-8").splitlines()]
    assert logged == events


@pytest.mark.skipif(os.name != "posix", reason="only POSIX systems can kill without a word")
@pytest.mark.usefixtures("_joined")
def test_the_death_of_one_process_ends_all_with_words(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    killed: list[int] = []

    def emit(event: dict[str, Any]) -> None:
        if event["event"] == "step" and not killed:
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
            killed.append(int(children.read_text(encoding="utf-8").split()[-1]))
            os.kill(killed[0], signal.SIGKILL)

    if not Path("/proc/self/task").is_dir():
        pytest.skip("finds the child in /proc")
    endless = dataclasses.replace(TWO, optim=dataclasses.replace(TWO.optim, steps=1_000_000))
    with pytest.raises(TrainingError, match=r"Process 2 of 2 ended without a word \(status -9\)"):
        run_training(endless, toy_manifest(13, 0), tmp_path / "run", emit)
    logged = [json.loads(line) for line in RunFolder(tmp_path / "run").events.read_text(encoding="utf-8").splitlines()]
    assert sum(event["event"] == "error" for event in logged) == 1


@pytest.mark.usefixtures("_joined")
def test_an_error_of_several_processes_is_logged_once(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest, out = toy_manifest(13, 0), tmp_path / "run"
    (tmp_path / "films" / "0.dcm").unlink()
    with pytest.raises(TrainingError, match="cannot be read"):
        run_training(TWO, manifest, out, lambda event: None)
    logged = [json.loads(line) for line in RunFolder(out).events.read_text(encoding="utf-8").splitlines()]
    assert [event["event"] for event in logged if event["event"] not in ("start", "step")] == ["error"]


def test_launchers_say_where_a_process_stands() -> None:
    torchrun = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4"}
    assert find_place(torchrun) == Place(5, 8, 1, 4, "torchrun")
    assert find_place(torchrun).nodes == 2
    srun = {"SLURM_STEP_NUM_TASKS": "4", "SLURM_STEP_NUM_NODES": "2", "SLURM_PROCID": "2", "SLURM_LOCALID": "0"}
    with pytest.raises(ConfigError, match="ntasks-per-node"):
        find_place({**srun, "SLURM_NTASKS": "4"})
    srun |= {"SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2"}
    assert find_place(srun) == Place(2, 4, 0, 2, "slurm")
    assert find_place({"SLURM_NTASKS": "4", "SLURM_PROCID": "0"}) == Place()  # a batch script without srun
    assert find_place({"RANK": "0", "WORLD_SIZE": "1", "LOCAL_RANK": "0"}) == Place()
    with pytest.raises(ConfigError, match="torchrun or srun"):
        find_place({**torchrun, "RANK": "first"})
    with pytest.raises(ConfigError, match="torchrun or srun"):
        find_place({"SLURM_STEP_NUM_TASKS": "4", "SLURM_NTASKS_PER_NODE": "4"})


def test_the_configuration_and_the_launcher_have_to_agree() -> None:
    assert processes_to_start(TINY, Place()) == 1
    assert processes_to_start(TWO, Place()) == 2
    assert processes_to_start(TINY, Place(0, 4, 0, 2, "slurm")) == 1
    assert processes_to_start(dataclasses.replace(TWO, nodes=2), Place(0, 4, 0, 2, "slurm")) == 1
    with pytest.raises(ConfigError, match="Nothing starts this run on 2 machines"):
        processes_to_start(dataclasses.replace(TINY, nodes=2), Place())
    with pytest.raises(ConfigError, match="devices = 4, but the configuration asks for 2"):
        processes_to_start(TWO, Place(0, 4, 0, 4, "torchrun"))
