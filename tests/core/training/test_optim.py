"""The optimiser's groups and the learning rate's course."""

from __future__ import annotations

import itertools

import pytest
import torch

from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.tokens import WordTokenizer
from egma_core.training.config import OptimConfig
from egma_core.training.optim import build_optimiser, learning_rate_at


def test_norms_biases_and_the_temperature_do_not_decay() -> None:
    config = ModelConfig(VisionConfig(size_px=32, width=8), TextConfig(width=8, layers=1), embed_dim=8)
    model = Egma(config, WordTokenizer.build(["a b c"], config.text))
    decaying, free = build_optimiser(model, OptimConfig(weight_decay=0.3)).param_groups
    assert (decaying["weight_decay"], free["weight_decay"]) == (0.3, 0.0)
    spared = {id(weight) for weight in free["params"]}
    assert id(model.log_scale) in spared
    names = {name: id(weight) in spared for name, weight in model.named_parameters()}
    assert all(is_free for name, is_free in names.items() if name.endswith("bias") or "norm" in name)
    assert not names["vision_projection.weight"]
    assert not names["text.words.weight"]
    assert names["vision.position"]
    assert names["text.position"]
    assert len(decaying["params"]) + len(free["params"]) == len(names)


def test_frozen_weights_are_left_out() -> None:
    layer = torch.nn.Linear(3, 3)
    layer.weight.requires_grad_(False)
    groups = build_optimiser(layer, OptimConfig()).param_groups
    assert [len(group["params"]) for group in groups] == [0, 1]


def test_the_learning_rate_warms_up_and_follows_a_cosine_to_zero() -> None:
    config = OptimConfig(learning_rate=2.0, warmup=0.1)
    course = [learning_rate_at(step, 100, config) for step in range(100)]
    assert course[:10] == pytest.approx([0.2 * (i + 1) for i in range(10)])
    assert course[10] == 2.0
    assert course[55] == pytest.approx(1.0)
    assert all(a > b > 0 for a, b in itertools.pairwise(course[10:]))
    assert course[-1] < 0.01
    assert learning_rate_at(0, 5, OptimConfig(learning_rate=2.0, warmup=0.0)) == 2.0
