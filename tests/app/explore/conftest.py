"""A checkpoint small enough to load in a moment."""

from __future__ import annotations

from pathlib import Path

import pytest

SENTENCES = ("there is a mark in the upper left corner", "there is nothing in the middle", "no mark elsewhere")


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of an untrained model with 7 x 7 places, inside a run's folder that names it as best."""
    torch = pytest.importorskip("torch")
    from egma_core.model.checkpoint import save_model
    from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
    from egma_core.model.egma import Egma
    from egma_core.model.tokens import build_tokenizer
    from egma_core.training.run import RunFolder

    torch.manual_seed(0)
    config = ModelConfig(VisionConfig(size_px=112, width=16), TextConfig(width=16, layers=1), embed_dim=16)
    run = RunFolder(tmp_path_factory.mktemp("runs") / "small")
    folder = run.checkpoint(7)
    folder.parent.mkdir(parents=True)
    save_model(folder, Egma(config, build_tokenizer(config.text, [(patient, s) for patient in ("a", "b") for s in SENTENCES])), {"step": 7})
    run.point("best", folder)
    return folder
