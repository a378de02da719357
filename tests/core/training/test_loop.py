"""Training: it learns, it can be interrupted anywhere without a trace, and it says why it cannot go on."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from egma_core.errors import CheckpointError, ConfigError, TrainingError
from egma_core.examples.config import DataConfig
from egma_core.examples.manifest import Manifest
from egma_core.model import tiny
from egma_core.model.checkpoint import load_model, read_provenance, save_model
from egma_core.model.config import LossConfig, ModelConfig, TextConfig, VisionConfig
from egma_core.training import gradients, validation
from egma_core.training.config import OptimConfig, TrainingConfig
from egma_core.training.loop import train
from egma_core.training.run import RunFolder
from egma_core.training.state import STATE_FILES

TINY = TrainingConfig(
    model=ModelConfig(VisionConfig(size_px=64, width=16), TextConfig(width=16, layers=1), embed_dim=16),
    data=DataConfig(shift=0.05),
    optim=OptimConfig(steps=8, batch_size=8, learning_rate=3e-3),
    device="cpu",
    threads=1,
)


def run(config: TrainingConfig, manifest: Path, out: Path, stop_after: int | None = None) -> list[dict[str, Any]]:
    """Train, stopping after so many steps of this session; return the events."""
    events: list[dict[str, Any]] = []

    def should_stop() -> bool:
        return stop_after is not None and sum(e["event"] == "step" for e in events) >= stop_after

    train(config, manifest, out, emit=events.append, should_stop=should_stop)
    return events


def weights(out: Path) -> dict[str, torch.Tensor]:
    folder = RunFolder(out).pointed("latest")
    assert folder is not None
    return {**load_file(folder / "model.safetensors"), **{f"o {k}": v for k, v in load_file(folder / "optimiser.safetensors").items()}}


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


@pytest.fixture(autouse=True)
def _own_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_it_learns_to_name_and_to_point(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    config = dataclasses.replace(TINY, optim=OptimConfig(steps=80, batch_size=16, learning_rate=5e-3), evaluate_every=40)
    events = run(config, toy_manifest(32, 12), tmp_path / "run")
    steps = [e for e in events if e["event"] == "step"]
    assert [e["step"] for e in steps] == list(range(1, 81))
    assert steps[-1]["loss"] < 0.7 * steps[0]["loss"]
    final = [e for e in events if e["event"] == "evaluation"][-1]
    assert final["pointing"] > 0.9 > 0.5 > final["pointing_chance"]
    assert final["retrieval_mrr"] > 0.5


def test_a_run_leaves_everything_behind_that_is_needed_to_trust_it(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest = toy_manifest()
    config = dataclasses.replace(TINY, evaluate_every=2, keep=1)
    events = run(config, manifest, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    assert [e["event"] for e in events[:4]] == ["start", "step", "step", "evaluation"]
    assert events[-1]["event"] == "done"
    assert events[0]["examples"] == 16
    assert [json.loads(line) for line in folder.events.read_text(encoding="utf-8").splitlines()] == events
    step = next(e for e in events if e["event"] == "step")
    expected = {
        "step",
        "steps",
        "loss",
        "fine_grained",
        "gaze",
        "mapping",
        "global",
        "learning_rate",
        "temperature",
        "examples_per_s",
        "eta_s",
    }
    assert expected <= step.keys()
    assert step["loss"] == pytest.approx(step["fine_grained"] + step["gaze"] + step["mapping"] + step["global"], rel=1e-5)
    assert step["temperature"] == pytest.approx(0.07, rel=0.01)

    latest, best = folder.pointed("latest"), folder.pointed("best")
    assert latest == folder.checkpoint(8)
    assert best is not None
    evaluations = [e for e in events if e["event"] == "evaluation"]
    assert best == folder.checkpoint(max(evaluations, key=lambda e: e["retrieval_mrr"])["step"])
    assert set(folder.checkpoints.iterdir()) == {latest, best}
    assert load_model(best).grid == (4, 4)
    provenance = read_provenance(best)
    assert provenance["manifest"] == Manifest.load(manifest).hash
    assert provenance["config"]["optim"]["steps"] == 8
    metrics = json.loads(folder.metrics.read_text(encoding="utf-8"))
    assert metrics["best"]["step"] == provenance["step"]
    assert metrics["validation"]["retrieval_mrr"] == evaluations[-1]["retrieval_mrr"]
    assert metrics["steps"] == 8


@pytest.mark.parametrize("stop_after", [1, 4, 5])
def test_an_interrupted_run_ends_at_the_very_weights_of_an_uninterrupted_one(
    tmp_path: Path, toy_manifest: Callable[..., Path], stop_after: int
) -> None:
    """Passes have three batches, so the run is cut at the start of a pass, inside one, and at a checkpoint's step."""
    manifest = toy_manifest(18, 6)
    whole = run(TINY, manifest, tmp_path / "whole")
    first = run(TINY, manifest, tmp_path / "cut", stop_after)
    assert first[-1]["event"] == "stopped"
    assert first[-1]["step"] == stop_after
    rest = run(TINY, manifest, tmp_path / "cut")
    assert rest[0]["step"] == stop_after
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "cut"))
    losses = [[e["loss"] for e in events if e["event"] == "step"] for events in (whole, first + rest)]
    assert losses[0] == losses[1]
    assert RunFolder(tmp_path / "whole").pointed("best") is not None
    metrics = [json.loads(RunFolder(tmp_path / name).metrics.read_text(encoding="utf-8")) for name in ("whole", "cut")]
    assert metrics[0]["best"] == metrics[1]["best"]


def test_a_run_that_died_goes_on_from_its_latest_checkpoint(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest = toy_manifest(16, 6)
    run(TINY, manifest, tmp_path / "whole")

    class DeathError(Exception):
        pass

    def emit(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 5:
            raise DeathError

    with pytest.raises(DeathError):
        train(TINY, manifest, tmp_path / "dead", emit=emit, should_stop=lambda: False)
    rest = run(TINY, manifest, tmp_path / "dead")
    assert rest[0]["step"] == 4
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "dead"))


def test_a_finished_run_is_done_at_once(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest = toy_manifest(8, 0)
    run(TINY, manifest, tmp_path / "run")
    before = weights(tmp_path / "run")
    again = run(TINY, manifest, tmp_path / "run")
    assert [e["event"] for e in again] == ["start", "done"]
    assert_same(before, weights(tmp_path / "run"))


def test_without_a_validation_split_the_best_is_the_latest(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    events = run(TINY, toy_manifest(8, 0), tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    assert folder.pointed("best") == folder.pointed("latest") == folder.checkpoint(8)
    assert next(e for e in events if e["event"] == "evaluation").keys() == {"event", "step", "best"}


def test_seeds_decide_the_run(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest = toy_manifest(8, 0)
    config = dataclasses.replace(TINY, optim=dataclasses.replace(TINY.optim, steps=2))
    runs = [run(dataclasses.replace(config, seed=seed), manifest, tmp_path / str(i)) for i, seed in enumerate((0, 0, 1))]
    losses = [[e["loss"] for e in events if e["event"] == "step"] for events in runs]
    assert losses[0] == losses[1] != losses[2]


def test_training_without_gaze_has_no_gaze_loss(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    config = dataclasses.replace(TINY, loss=LossConfig(mapping_weight=0.0), optim=dataclasses.replace(TINY.optim, steps=2))
    events = run(config, toy_manifest(8, 4, gaze=False), tmp_path / "run")
    assert all(e["gaze"] == e["mapping"] == 0.0 for e in events if e["event"] == "step")
    assert "pointing" not in next(e for e in events if e["event"] == "evaluation")


def test_a_loss_that_is_no_number_stops_with_a_remedy_before_it_reaches_the_weights(
    tmp_path: Path, toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = itertools.count()
    terms_of = gradients.loss_terms

    def poisoned(*arguments: Any) -> dict[str, torch.Tensor]:
        terms = terms_of(*arguments)
        if next(calls) == 3:
            terms["loss"] = terms["loss"] * math.nan
        return terms

    monkeypatch.setattr(gradients, "loss_terms", poisoned)
    config = dataclasses.replace(TINY, checkpoint_every=1)
    with pytest.raises(TrainingError, match=r"After 3 steps the loss .* Lower the learning rate"):
        run(config, toy_manifest(8, 0), tmp_path / "run")
    assert all(bool(torch.isfinite(value.float()).all()) for value in weights(tmp_path / "run").values())
    assert RunFolder(tmp_path / "run").pointed("latest") == RunFolder(tmp_path / "run").checkpoint(3)


def test_a_validation_loss_that_is_no_number_stops_before_a_checkpoint_is_best(
    tmp_path: Path, toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    terms_of = validation.loss_terms

    def poisoned(*arguments: Any) -> dict[str, torch.Tensor]:
        terms = terms_of(*arguments)
        return terms | {"gaze": terms["gaze"] * math.nan}

    monkeypatch.setattr(validation, "loss_terms", poisoned)
    config = dataclasses.replace(TINY, evaluate_every=3)
    with pytest.raises(TrainingError, match=r"After 3 steps the validation gaze is no finite number .* Lower the learning rate"):
        run(config, toy_manifest(8, 4), tmp_path / "run")
    assert RunFolder(tmp_path / "run").newest_first() == []


def test_scores_that_are_no_numbers_are_the_worst() -> None:
    films = ("a", "b", "c")
    patches = torch.eye(3)[:, None]
    sentences = torch.tensor([[0.9, 0.1, 0.0], [0.0, math.nan, 0.0], [math.nan, 0.0, 1.0]])
    sound = [torch.eye(3)[i : i + 1] for i in range(3)]
    ranks = validation._ranks
    assert ranks(patches, sound, [1, 1, 1], films).tolist() == [1.0, 1.0, 1.0]
    assert ranks(patches, [sentences[:1], sentences[1:2], sound[2]], [1, 1, 1], films).tolist() == [1.0, 3.0, 1.0]
    lost = torch.tensor([[[1.0, 0, 0]], [[math.inf, 0, 0]], [[0, 0, 1.0]]])
    assert ranks(lost, [sound[0], sound[1], sound[2]], [1, 1, 1], films).tolist()[0] == 1.0


@pytest.mark.parametrize("micro_batch", [0, 4])
def test_batch_normalisation_is_refused_where_it_would_see_parts_of_a_batch(
    tmp_path: Path, toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, micro_batch: int
) -> None:
    plain = tiny.TinyVision.__init__

    def with_batch_norm(self: tiny.TinyVision, config: VisionConfig) -> None:
        plain(self, config)
        self.stem.append(torch.nn.BatchNorm2d(config.width))

    monkeypatch.setattr(tiny.TinyVision, "__init__", with_batch_norm)
    config = dataclasses.replace(TINY, optim=dataclasses.replace(TINY.optim, steps=2, micro_batch=micro_batch))
    if micro_batch:
        with pytest.raises(ConfigError, match="normalises over the films of a batch"):
            run(config, toy_manifest(8, 0), tmp_path / "run")
    else:
        assert run(config, toy_manifest(8, 0), tmp_path / "run")[-1]["event"] == "done"


def test_without_any_loss_term_there_is_nothing_to_learn(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    nothing = LossConfig(fine_grained_weight=0.0, gaze_weight=0.0, mapping_weight=0.0, global_weight=0.0)
    with pytest.raises(ConfigError, match="Every loss term has the weight 0"):
        run(dataclasses.replace(TINY, loss=nothing), toy_manifest(8, 0), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("share", "fallback", "expected"), [(1.0, "none", (8, 8)), (1.0, "report", (8, 16)), (0.0, "report", (0, 0))])
def test_a_run_says_how_much_gaze_it_uses_and_no_folder_of_this_machine(
    tmp_path: Path, toy_manifest: Callable[..., Path], share: float, fallback: str, expected: tuple[int, int]
) -> None:
    data = DataConfig(gaze_share=share, gaze_fallback=fallback, cache_folder=str(tmp_path / "films kept"))
    config = dataclasses.replace(TINY, data=data, optim=dataclasses.replace(TINY.optim, steps=1))
    events = run(config, toy_manifest(8, 0), tmp_path / "run")
    assert (events[0]["gaze_patients"], events[0]["gaze_sentences"]) == expected
    folder = RunFolder(tmp_path / "run").pointed("best")
    assert folder is not None
    provenance = read_provenance(folder)
    assert provenance["gaze"] == {"patients": expected[0], "sentences": expected[1]}
    assert provenance["config"]["data"]["cache_folder"] == "films kept"
    assert all(str(tmp_path) not in path.read_text(encoding="utf-8") for path in folder.glob("*.json"))


def test_too_little_to_train_on_is_refused(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    with pytest.raises(TrainingError, match="1 examples to train on"):
        run(TINY, toy_manifest(1, 4), tmp_path / "run")


def test_a_checkpoint_without_a_training_state_is_not_gone_on_from(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest = toy_manifest(8, 0)
    run(dataclasses.replace(TINY, keep=1), manifest, tmp_path / "run", stop_after=2)
    folder = RunFolder(tmp_path / "run").pointed("latest")
    assert folder is not None
    save_model(folder, load_model(folder), {})
    with pytest.raises(CheckpointError, match=r"not whole: its MANIFEST\.sha256 does not hold optimiser\.safetensors"):
        run(TINY, manifest, tmp_path / "run")
    save_model(folder, load_model(folder), {}, more=lambda path: [(path / name).touch() for name in STATE_FILES[-2:]] and None)
    with pytest.raises(CheckpointError, match="no state that training could go on from"):
        run(TINY, manifest, tmp_path / "run")
