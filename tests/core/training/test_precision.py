"""What encoders compute in, what they may be compiled on, and what is said when memory is full."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from egma_core.errors import ConfigError, TrainingError
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.training.config import OptimConfig, TrainingConfig
from egma_core.training.loop import train
from egma_core.training.machine import memory_in_words
from egma_core.training.precision import SMALLEST_SCALE, Precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(("name", "half"), [("fp32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float16)])
def test_encoders_compute_in_the_precision_and_weights_stay(name: str, half: torch.dtype) -> None:
    precision, layer = Precision(name, CPU), nn.Linear(4, 4)
    with precision.autocast():
        assert layer(torch.ones(2, 4)).dtype == half
    assert layer.weight.dtype == torch.float32
    assert (precision.state() is None) == (name != "fp16")


def test_a_step_that_overflows_is_left_out_and_the_next_is_scaled_less() -> None:
    precision, weight = Precision("fp16", CPU), nn.Parameter(torch.ones(3))
    optimiser = torch.optim.AdamW([weight], lr=0.1)
    scale = precision.scaler.get_scale()
    weight.grad = torch.tensor([1.0, torch.inf, 1.0])
    precision.scaler.scale(torch.ones(()))
    precision.scaler.unscale_(optimiser)
    precision.step(optimiser)
    assert torch.equal(weight.detach(), torch.ones(3))
    assert precision.scaler.get_scale() == scale / 2


def test_gradients_that_never_fit_are_an_error() -> None:
    precision, weight = Precision("fp16", CPU), nn.Parameter(torch.ones(1))
    optimiser = torch.optim.AdamW([weight], lr=0.1)
    precision.restore(torch.tensor([SMALLEST_SCALE, 0.0], dtype=torch.float64))
    precision.scaler.scale(torch.ones(()))
    weight.grad = torch.tensor([torch.nan])
    precision.scaler.unscale_(optimiser)
    with pytest.raises(TrainingError, match="do not fit into fp16"):
        precision.step(optimiser)


def test_the_scaler_goes_on_from_its_state() -> None:
    first, second = Precision("fp16", CPU), Precision("fp16", CPU)
    first.restore(torch.tensor([512.0, 7.0], dtype=torch.float64))
    state = first.state()
    assert state is not None
    assert state.tolist() == [512.0, 7.0]
    second.restore(state)
    assert second.scaler.get_scale() == 512.0


def test_a_gpu_without_bf16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: False)
    with pytest.raises(TrainingError, match=r"bf16.* fp16"):
        Precision("bf16", torch.device("cuda"))


def test_compiling_is_refused_where_it_cannot_work(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    model = ModelConfig(VisionConfig(size_px=32, width=8), TextConfig(width=8, layers=1), embed_dim=8)
    config = TrainingConfig(model=model, optim=OptimConfig(steps=1, batch_size=4, compile=True), device="cpu", threads=1)
    with pytest.raises(ConfigError, match="compiled on Linux with an NVIDIA GPU"):
        train(config, toy_manifest(4, 0), tmp_path / "run", emit=lambda event: None, should_stop=lambda: False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    ],
)
def test_full_memory_is_said_with_the_way_out(error: Exception) -> None:
    with pytest.raises(TrainingError, match=r"too small .*micro_batch"), memory_in_words():
        raise error


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_in_words():
        raise RuntimeError("shapes")


def test_a_real_allocation_that_fails_is_recognised() -> None:
    with pytest.raises(TrainingError, match="too small"), memory_in_words():
        torch.empty(2**60, dtype=torch.uint8)
