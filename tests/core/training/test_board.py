"""TensorBoard's curves of a run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from egma_core.errors import MissingExtraError
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.training.board import FOLDER, Board
from egma_core.training.config import OptimConfig, TrainingConfig
from egma_core.training.loop import train

TINY = TrainingConfig(
    model=ModelConfig(VisionConfig(size_px=32, width=8), TextConfig(width=8, layers=1), embed_dim=8),
    optim=OptimConfig(steps=3, batch_size=4),
    device="cpu",
    threads=1,
    tensorboard=True,
)


def test_steps_and_evaluations_become_curves(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    pytest.importorskip("tensorboard", reason="the curves need TensorBoard")
    reader = importlib.import_module("tensorboard.backend.event_processing.event_accumulator").EventAccumulator
    threads = torch.get_num_threads()
    train(TINY, toy_manifest(8, 4), tmp_path / "run", emit=lambda event: None, should_stop=lambda: False)
    torch.set_num_threads(threads)
    curves = reader(str(tmp_path / "run" / FOLDER))
    curves.Reload()
    names = set(curves.Tags()["scalars"])
    assert {"training/loss", "training/gaze", "training/gradient_norm", "training/learning_rate", "validation/retrieval_mrr"} <= names
    assert [point.step for point in curves.Scalars("training/loss")] == [1, 2, 3]
    assert not {"training/step", "validation/best"} & names


def test_without_tensorboard_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"egma\[tensorboard\]"):
        Board(tmp_path, 0)
    assert not (tmp_path / FOLDER).exists()
