"""The figures of a model that was really trained, beside those of one that was not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from egma_core.evaluation.gaze_agreement import evaluate_gaze_agreement
from egma_core.evaluation.zero_shot import evaluate_zero_shot
from egma_core.examples.config import DataConfig
from egma_core.examples.manifest import Manifest
from egma_core.inference.predictor import Predictor
from egma_core.inference.prompts import PromptSet
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.training.config import OptimConfig, TrainingConfig
from egma_core.training.loop import train
from egma_core.training.run import RunFolder

CONFIG = TrainingConfig(
    model=ModelConfig(VisionConfig(size_px=64, width=16), TextConfig(width=16, layers=1), embed_dim=16),
    data=DataConfig(shift=0.05),
    optim=OptimConfig(steps=60, batch_size=16, learning_rate=5e-3),
    device="cpu",
    threads=1,
    evaluate_every=60,
)
PROMPTS = PromptSet("corners", {corner: (f"mark {corner}",) for corner in ("lower left", "lower right", "upper left", "upper right")})


@pytest.fixture
def predictors(tmp_path: Path, toy_manifest: Callable[..., Path]) -> tuple[Predictor, Predictor, Manifest]:
    """A trained model, the same one before its first step, and the examples."""
    path = toy_manifest(32, 8, 12)
    threads = torch.get_num_threads()
    untrained = dataclasses.replace(CONFIG, optim=dataclasses.replace(CONFIG.optim, steps=61))
    train(CONFIG, path, tmp_path / "trained", emit=lambda event: None, should_stop=lambda: False)
    train(untrained, path, tmp_path / "untrained", emit=lambda event: None, should_stop=lambda: True)
    torch.set_num_threads(threads)
    folders = [RunFolder(tmp_path / name).pointed("best") for name in ("trained", "untrained")]
    trained, fresh = (Predictor(folder) for folder in folders if folder is not None)
    return trained, fresh, Manifest.load(path)


def test_training_shows_in_both_evaluations(predictors: tuple[Predictor, Predictor, Manifest]) -> None:
    trained, fresh, manifest = predictors
    seen: list[tuple[int, int]] = []
    good = evaluate_zero_shot(trained, manifest, "test", PROMPTS, progress=lambda done, of: seen.append((done, of)))
    poor = evaluate_zero_shot(fresh, manifest, "test", PROMPTS)
    assert seen == [(i + 1, 12) for i in range(12)]
    assert good.accuracy > 0.9 > 0.6 > poor.accuracy
    assert good.ci95[0] > 2 * good.chance
    assert good.prompts_seen_in_training == ()
    assert not good.degenerate

    looked = evaluate_gaze_agreement(trained, manifest, "test")
    before = evaluate_gaze_agreement(fresh, manifest, "test")
    assert looked.n_sentences == 12
    assert looked.shuffled_auc > 0.8 > before.shuffled_auc
    assert looked.own_minus_shuffled.value > 0.2
    json.dumps([good.to_json(), looked.to_json()], allow_nan=False)
