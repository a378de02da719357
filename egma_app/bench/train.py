"""What a training step of the tiny preset costs, on batches of noise: threads, passes, memory and its allocator, in one run.

And what a text model of the transformers library saves when it reads sentences in groups of like length.

Each kind is measured in processes of its own, in turn with the others, since threads, the allocator's settings and the
peak of memory belong to a process.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

KINDS: dict[str, dict[str, Any]] = {
    "one_thread": {"threads": 1},
    "all_threads": {},
    "micro_batch": {"micro": 4},
    "allocator_untuned": {"tuned": False},
}
"""Each kind differs in one thing from `all_threads`; `micro` is the number of passes."""

WARM_UP = 3


def bench_train(films: int = 32, steps: int = 15, rounds: int = 3) -> dict[str, Any]:
    """Examples a second, the ratio of each kind's median step to `all_threads`, peaks of memory, and the text model's two ways.

    Args:
        films: Films of a batch, with 4 sentences each.
        steps: Measured steps of each process.
        rounds: Processes of each kind.
    """
    taken: dict[str, list[float]] = {name: [] for name in KINDS}
    peaks: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(rounds):
        for name, kind in KINDS.items():
            answer = _apart({"films": films, "steps": steps, **kind})
            taken[name] += answer["steps_ms"]
            peaks[name].append(answer["peak_mb"])
    medians = {name: statistics.median(times) for name, times in taken.items()}
    whole = medians["all_threads"]
    text = _apart({"sentences": 4 * films, "passes": steps})
    return {
        "films": films,
        "step_ms": {name: round(median, 1) for name, median in medians.items()},
        "examples_per_s": {name: round(1e3 * films / median, 1) for name, median in medians.items()},
        "ratio_one_thread_to_all": round(medians["one_thread"] / whole, 3),
        "ratio_micro_batch_to_whole": round(medians["micro_batch"] / whole, 3),
        "ratio_allocator_untuned_to_tuned": round(medians["allocator_untuned"] / whole, 3),
        "text_ms": {name: round(milliseconds, 1) for name, milliseconds in text.items()},
        "ratio_text_by_length_to_together": round(text["by_length"] / text["together"], 3),
        "peak_mb": {name: round(statistics.median(values), 1) for name, values in peaks.items()},
        "ratio_peak_micro_batch_to_whole": _ratio(statistics.median(peaks["micro_batch"]), statistics.median(peaks["all_threads"])),
    }


def _ratio(part: float, whole: float) -> float | None:
    """None where steps are so small that they fit into memory that was there before them."""
    return round(part / whole, 3) if whole else None


def _apart(told: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-m", __name__, json.dumps(told)], stdout=subprocess.PIPE, check=True, encoding="utf-8")
    return json.loads(done.stdout)


def measure_text(sentences: int, passes: int) -> dict[str, float]:
    """Median milliseconds of a pass through a small BERT and back, for sentences of 4 to 40 tokens, 12 on average, and one of 40."""
    import torch

    from egma_core.model.config import TextConfig
    from egma_core.model.pretrained import PretrainedText
    from egma_core.model.tokens import TokenBatch

    torch.manual_seed(0)
    lengths = (torch.randn(sentences) * 5 + 12).round().long().clamp(4, 40)
    lengths[0] = 40
    mask = torch.arange(40) < lengths[:, None]
    tokens = TokenBatch(torch.randint(1, 500, mask.shape) * mask, mask)
    taken: dict[str, list[float]] = {"together": [], "by_length": []}
    config = TextConfig(kind="transformers", width=256, layers=4)
    models = {name: PretrainedText(replace(config, by_length=name == "by_length"), 500).train() for name in taken}
    for _ in range(1 + passes):
        for name, model in models.items():
            start = time.perf_counter_ns()
            model(tokens).sum().backward()
            taken[name].append((time.perf_counter_ns() - start) / 1e6)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def measure(films: int, steps: int, threads: int = 0, micro: int = 1, tuned: bool = True) -> dict[str, Any]:
    """Steps of one kind in this process: their milliseconds, and how much memory they took at most beyond what was there before them."""
    import torch

    from egma_core.model.egma import Egma
    from egma_core.model.tokens import WordTokenizer
    from egma_core.training.config import override, preset
    from egma_core.training.gradients import put_gradients
    from egma_core.training.machine import keep_memory, use_threads
    from egma_core.training.optim import build_optimiser
    from egma_core.training.place import Place
    from egma_core.training.precision import Precision
    from egma_core.training.runtime import Runtime

    settings = {"threads": str(threads), "device": "cpu", "optim.micro_batch": str(-(-films // micro) if micro > 1 else 0)}
    config = override(preset("tiny"), settings)
    if tuned:
        keep_memory()
    use_threads(config, Place())
    torch.manual_seed(0)
    words = [f"w{i}" for i in range(200)]
    model = Egma(config.model, WordTokenizer.build(words, config.model.text)).train()
    runtime, precision = Runtime(Place(), torch.device("cpu")), Precision("fp32", torch.device("cpu"))
    optimiser = build_optimiser(model, config.optim)
    batch = noise(model, films, words)
    before_mb, taken = peak_mb(), list[float]()
    for _ in range(WARM_UP + steps):
        start = time.perf_counter_ns()
        optimiser.zero_grad(set_to_none=True)
        put_gradients(model, batch, config, runtime, precision)
        optimiser.step()
        taken.append((time.perf_counter_ns() - start) / 1e6)
    return {"steps_ms": taken[WARM_UP:], "peak_mb": peak_mb() - before_mb}


def noise(model: Any, films: int, words: list[str]) -> Any:
    """A batch of random pictures with 4 sentences of 12 words each, three quarters of which have gaze."""
    import torch

    from egma_core.examples.batch import Batch

    side, cells, n = model.config.vision.size_px, model.grid[0] * model.grid[1], 4 * films
    texts = [" ".join(words[i] for i in row) for row in torch.randint(len(words), (n, 12)).tolist()]
    has_gaze = torch.arange(n) % 4 > 0
    return Batch(
        pixels=torch.randn(films, 1, side, side),
        tokens=model.tokenizer.encode(texts),
        counts=torch.full((films,), 4),
        gaze=torch.rand(n, cells) ** 3 * has_gaze[:, None],
        has_gaze=has_gaze,
        ids=tuple(f"film {i}" for i in range(films)),
    )


def peak_mb() -> float:
    """The most memory that this process ever held, in MB; 0 on Windows, which has no such figure at hand."""
    if sys.platform == "win32":
        return 0.0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 2**20 if sys.platform == "darwin" else most / 1024


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    sys.stdout.write(json.dumps(measure_text(**asked) if "sentences" in asked else measure(**asked)))
