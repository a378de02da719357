"""Training configurations as files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from egma_core.errors import ConfigError
from egma_core.training.config import OptimConfig, TrainingConfig, load_config, override, preset, presets, save_config


def test_a_saved_configuration_is_read_back_unchanged(tmp_path: Path) -> None:
    config = dataclasses.replace(TrainingConfig(), seed=7, optim=OptimConfig(steps=12, learning_rate=3e-4))
    save_config(tmp_path / "config.toml", config)
    assert load_config(tmp_path / "config.toml") == config
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_settings_that_a_file_leaves_out_keep_their_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("[optim]\nbatch_size = 8\n", encoding="utf-8")
    assert load_config(path) == TrainingConfig(optim=OptimConfig(batch_size=8))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[optim]\nbatchsize = 8\n", "optim.batchsize"),
        ("[optim]\nbatch_size = 1\n", "optim.batch_size"),
        ('device = "tpu"\n', "device"),
        ("[optim\n", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=named):
        load_config(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml"):
        load_config(tmp_path / "absent.toml")


def test_settings_are_overridden_by_dotted_name_and_text() -> None:
    config = TrainingConfig(seed=3)
    texts = {
        "optim.steps": "10",
        "optim.learning_rate": "3e-4",
        "optim.compile": "true",
        "start_from": "runs/a",
        "model.vision.width": "16",
    }
    changed = override(config, texts)
    assert (changed.optim.steps, changed.optim.learning_rate, changed.optim.compile) == (10, 3e-4, True)
    assert (changed.start_from, changed.model.vision.width, changed.seed) == ("runs/a", 16, 3)
    assert override(config, {}) == config


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("optim.step", "10", "no setting optim.step. Known here: .*steps"),
        ("optimiser.steps", "10", "no setting optimiser.steps. Known here: .*optim"),
        ("optim", "10", "no setting optim"),
        ("optim.steps", "ten", "optim.steps must be a whole number"),
        ("optim.steps", "-1", "optim.steps is -1, outside its range"),
        ("optim.compile", "yes", "optim.compile must be bool"),
        ("optim.precision", "fp8", "optim.precision cannot be 'fp8'"),
        ("seed.deep.er", "1", "no setting seed.deep.er"),
    ],
)
def test_a_wrong_override_is_refused_by_name(name: str, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        override(TrainingConfig(), {name: text})


def test_every_preset_loads_and_an_unknown_name_lists_them() -> None:
    assert {"tiny", "paper"} <= set(presets())
    assert preset("tiny").model.vision.kind == "tiny"
    assert preset("paper").loss.global_weight == 0.0
    with pytest.raises(ConfigError, match=r"Choose one of: .*paper, .*tiny"):
        preset("huge")
