"""How fast a checkpoint answers: films, sentences, prompt sets."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TYPED = "A {severity} opacity in the {place} zone, number {i}."


def bench_predict(films: int = 64, repeats: int = 20, batch_size: int = 32, prompts: str = "chexpert_5x200") -> dict[str, Any]:
    """Time films and sentences with a checkpoint of the tiny preset's size that is made on the spot, untrained, on the CPU.

    Args:
        films: Phantom films, each a DICOM file of 512 x 512 pixels.
        repeats: How often what is small is measured.
        batch_size: Films encoded together.
        prompts: The prompt set that is encoded once, against encoding it for each film.
    """
    from egma_core.inference.predictor import Predictor
    from egma_core.inference.prompts import builtin
    from egma_core.synthetic.phantoms import phantom_set, write_phantoms

    with tempfile.TemporaryDirectory(prefix="egma-bench-") as folder:
        write_phantoms(Path(folder) / "films", {"test": phantom_set(films, 1)})
        paths = sorted((Path(folder) / "films").glob("**/*.dcm"))
        bank = builtin(prompts)
        predictor = Predictor(_checkpoint(Path(folder) / "checkpoint", [s for own in bank.prompts.values() for s in own]))
        encoded = list(predictor.encode_many(paths[:4]))
        film = encoded[0]
        one_ms = [_ms(lambda i=i: predictor.encode(paths[i % len(paths)])) for i in range(repeats)]
        typed = [TYPED.format(severity=("small", "large")[i % 2], place=("upper", "lower")[i % 2], i=i) for i in range(repeats)]
        typed_ms = [_ms(lambda sentence=sentence: predictor.predict(film, [sentence])) for sentence in typed]
        cold_ms, kept_ms = [], []
        for _ in range(max(3, repeats // 4)):
            predictor.forget_sentences()
            cold_ms.append(_ms(lambda: predictor.predict(film, bank)))
            kept_ms.append(_ms(lambda: predictor.predict(film, bank)))
        together_s, apart_s = _in_turn(
            lambda: list(predictor.encode_many(paths, batch_size=batch_size)),
            lambda: [predictor.encode(path) for path in paths],
            rounds=min(3, max(1, repeats)),
        )
    cold, kept = statistics.median(cold_ms), statistics.median(kept_ms)
    return {
        "film_encode_ms": round(statistics.median(one_ms), 2),
        "typed_sentence_ms": round(statistics.median(typed_ms), 2),
        "typed_sentence_ratio_to_film": round(statistics.median(typed_ms) / statistics.median(one_ms), 3),
        "prompts": sum(len(own) for own in bank.prompts.values()),
        "prompts_encoded_anew_ms": round(cold, 2),
        "prompts_kept_ms": round(kept, 2),
        "prompts_ratio_anew_to_kept": round(cold / kept, 1),
        "films_per_second_together": round(len(paths) / together_s, 1),
        "films_per_second_one_by_one": round(len(paths) / apart_s, 1),
    }


def _checkpoint(folder: Path, sentences: list[str]) -> Path:
    import torch

    from egma_core.model.checkpoint import save_model
    from egma_core.model.config import ModelConfig
    from egma_core.model.egma import Egma
    from egma_core.model.tokens import WordTokenizer

    torch.manual_seed(0)
    config = ModelConfig()
    save_model(folder, Egma(config, WordTokenizer.build(sentences, config.text)), {})
    return folder


def _in_turn(one: Callable[[], object], other: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Seconds that two ways take, the medians of several rounds in which each comes first every other time."""
    one_ms, other_ms = list[float](), list[float]()
    for i in range(rounds):
        for work, kept in ((one, one_ms), (other, other_ms))[:: 1 if i % 2 == 0 else -1]:
            kept.append(_ms(work))
    return statistics.median(one_ms) / 1e3, statistics.median(other_ms) / 1e3


def _ms(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - start)
