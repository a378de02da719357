"""The predictor as a child process: JSON lines in and out, errors in words, nothing written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from egma_core.dicom.writer import FilmTags, write_film
from egma_core.inference.predictor import Predictor
from egma_core.inference.prompts import PromptSet
from egma_core.model.checkpoint import save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.tokens import WordTokenizer

PROMPTS = {"left": ["mark on the left"], "other": ["mark on the right", "no mark"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    text = TextConfig(width=16, layers=1)
    tokenizer = WordTokenizer.build(["mark on the left", "mark on the right", "no mark"], text)
    save_model(
        tmp_path / "checkpoint", Egma(ModelConfig(VisionConfig(size_px=64, width=16), text, embed_dim=8), tokenizer), {"manifest": "abc"}
    )
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70)).astype(np.uint8)
    write_film(tmp_path / "film.dcm", pixels, FilmTags("P1", "1.2.1", "1.2.1.1", "1.2.1.1.1"))
    return tmp_path


def converse(*commands: dict[str, Any] | str) -> list[dict[str, Any]]:
    """Send commands, end stdin, and return the events; the child must exit in good order and say nothing else."""
    lines = "".join((c if isinstance(c, str) else json.dumps(c)) + "\n" for c in commands)
    command = [sys.executable, "-m", "egma_core.inference.process"]
    done = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stderr == b""
    return [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]


def test_a_conversation(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    loaded, film, prediction, again = converse(
        {"do": "load", "checkpoint": str(folder / "checkpoint")},
        {"do": "film", "path": str(folder / "film.dcm"), "id": "a"},
        {"do": "predict", "id": "a", "prompts": PROMPTS},
        {"do": "predict", "id": "a", "prompts": {"x": ["no mark"]}},
    )
    assert loaded["event"] == "loaded"
    assert (loaded["grid"], loaded["size_px"], loaded["score"], loaded["checkpoint"]) == ([4, 4], 64, "fine_grained", "checkpoint")
    assert loaded["provenance"]["manifest"] == "abc"
    assert film == {"event": "film", "id": "a", "image_shape": [90, 70]}
    expected = Predictor(folder / "checkpoint").predict(folder / "film.dcm", PromptSet("", {k: tuple(v) for k, v in PROMPTS.items()}))
    assert prediction["event"] == "prediction"
    assert prediction["id"] == "a"
    assert prediction["classes"] == ["left", "other"]
    assert prediction["sentences"] == ["mark on the left", "mark on the right", "no mark"]
    for name in ("scores", "probabilities", "sentence_scores"):
        np.testing.assert_allclose(prediction[name], getattr(expected, name), rtol=1e-4)
    np.testing.assert_allclose(prediction["maps"], [m.cosine for m in expected.maps], rtol=1e-3, atol=1e-5)
    to_network = expected.maps[0].grid.image_to_network
    assert prediction["image_to_network"] == [to_network.xx, to_network.xy, to_network.yx, to_network.yy, to_network.dx, to_network.dy]
    assert (prediction["size_px"], prediction["image_shape"]) == (64, [90, 70])
    assert again["classes"] == ["x"]
    assert sorted(folder.rglob("*")) == before


def test_errors_are_words_and_the_work_goes_on(folder: Path) -> None:
    (folder / "text.dcm").write_text("not a film", encoding="utf-8")
    film = {"do": "film", "path": str(folder / "film.dcm"), "id": "a"}
    events = converse(
        film,
        {"do": "load", "checkpoint": str(folder)},
        {"do": "load", "checkpoint": str(folder / "checkpoint")},
        {"do": "predict", "id": "a", "prompts": PROMPTS},
        {"do": "film", "path": str(folder / "text.dcm"), "id": "b"},
        film,
        {"do": "predict", "id": "a", "prompts": {}},
        {"do": "predict", "id": "a", "prompts": {"x": "no list"}},
        {"do": "predict", "id": "a", "prompts": {"x": [" "]}},
        {"do": "dance"},
        "not json",
        {"do": "predict", "id": "a", "prompts": {"x": ["no mark"]}},
    )
    kinds = [event["event"] for event in events]
    assert kinds == ["error", "error", "loaded", "error", "error", "film", *["error"] * 5, "prediction"]
    assert all(event["what"] and event["remedy"] for event in events if event["event"] == "error")
    assert "No checkpoint" in events[0]["what"]
    assert "Known are load, film, predict" in events[9]["remedy"]


def test_it_starts_without_torch() -> None:
    code = "import sys, egma_core.inference.process; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
