"""Golden numbers of a small case, which need no data: the paper's and the release's losses, spelled out film by film in plain numbers.

The reference below follows the formulas one sentence and one patch at a time, in float64, and shares no code with the losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from egma_core.model.losses import fine_grained_loss, gaze_loss, global_loss, mapping_loss

Array = NDArray[np.float64]

T = 1 / 0.07
COUNTS = (2, 1, 3)
N, D = 4, 3


def unit(rows: Array) -> Array:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def waves(rows: int, columns: int, pace: float) -> Array:
    return np.sin(pace * np.arange(1, rows * columns + 1, dtype=np.float64) ** 1.5).reshape(rows, columns)


PATCHES = unit(waves(len(COUNTS) * N, D, 0.7)).reshape(len(COUNTS), N, D)
REPORTS = np.split(unit(waves(sum(COUNTS), D, 1.3)), np.cumsum(COUNTS)[:-1])
LOOKED = [np.array([True, False]), np.array([False]), np.array([True, True, False])]
GAZE = np.split(np.abs(waves(sum(COUNTS), N, 0.9)) ** 2 * np.concatenate(LOOKED)[:, None], np.cumsum(COUNTS)[:-1])


def log_sum(values: Array) -> float:
    return math.log(float(np.exp(values).sum()))


def contrast(logits: Array) -> float:
    """Cross-entropy of each row with its own index as the target."""
    return float(np.mean([log_sum(row) - row[i] for i, row in enumerate(logits)]))


def fine_grained(released: bool) -> float:
    i2t, t2i = np.zeros((3, 3)), np.zeros((3, 3))
    for i, film in enumerate(PATCHES):
        for j, report in enumerate(REPORTS):
            padding = [0.0] if released and len(report) < max(COUNTS) else []
            i2t[i, j] = np.mean([max([T * float(p @ s) for s in report] + padding) for p in film])
            t2i[i, j] = np.mean([max(T * float(p @ s) for p in film) for s in report])
    return (contrast(i2t) + contrast(t2i if released else t2i.T)) / 2


def multi_label(logits: Array, positive: NDArray[np.bool_]) -> float:
    return math.log(1 + float(np.exp(logits[~positive]).sum())) + math.log(1 + float(np.exp(-logits[positive]).sum()))


def gaze(alpha: float, threshold: float) -> float:
    films: list[float] = []
    for film, report, looked, seen in zip(PATCHES, REPORTS, GAZE, LOOKED, strict=True):
        if not seen.any():
            continue
        logits = T * report[seen] @ film.T
        positive = looked[seen] > threshold * looked[seen].max(axis=1, keepdims=True)
        by_sentence = np.mean([multi_label(row, own) for row, own in zip(logits, positive, strict=True)])
        by_patch = np.mean([multi_label(row, own) for row, own in zip(logits.T, positive.T, strict=True)])
        films.append(float(alpha * by_sentence + (1 - alpha) * by_patch))
    return float(np.mean(films))


def scaled(row: Array) -> Array:
    extent = row.max() - row.min()
    return (row - row.min()) / extent if extent > 1e-6 else np.ones_like(row)


def kept(row: Array, threshold: float) -> Array:
    return np.where(row < threshold, 0.0, row)


def shares(row: Array) -> Array:
    return (row + 0.01) / (row + 0.01).sum()


def mapping(released: bool) -> float:
    text_weight = 0.3 if released else 0.5
    films: list[float] = []
    for film, report, looked, seen in zip(PATCHES, REPORTS, GAZE, LOOKED, strict=True):
        cosine = report @ film.T
        text = np.array([kept(scaled(row), 2 / 7) for row in cosine])
        image = np.array([kept(scaled(row), 2 / 7) for row in cosine.T]).T
        for s in range(len(report)):
            if seen[s] and not released:
                aim = kept(looked[s] / looked[s].max(), 2 / 7)
                text[s], image[s] = (text[s] + aim) / 2, (image[s] + aim) / 2
        rebuilt_sentences = np.array([shares(row) for row in text]) @ film
        rebuilt_patches = np.array([shares(row) for row in image.T]) @ report
        if not released:
            rebuilt_sentences, rebuilt_patches = unit(rebuilt_sentences), unit(rebuilt_patches)
        if len(report) == 1:
            away = rebuilt_sentences[0] - report[0]
            single = float(away @ away) if released else 1 - float(rebuilt_sentences[0] @ report[0])
            films.append(text_weight * single)
            continue
        sides: list[float] = []
        for rebuilt, real in ((rebuilt_sentences, report), (rebuilt_patches, film)):
            logits = T * rebuilt @ real.T
            sides.append((contrast(logits) + contrast(logits.T)) / 2)
        films.append(text_weight * sides[0] + (1 - text_weight) * sides[1])
    return float(np.mean(films))


def whole() -> float:
    films, reports = unit(PATCHES.mean(axis=1)), unit(np.array([report.mean(axis=0) for report in REPORTS]))
    logits = T * films @ reports.T
    return (contrast(logits) + contrast(logits.T)) / 2


def ours(dtype: torch.dtype) -> dict[str, float]:
    patches, sentences = torch.tensor(PATCHES, dtype=dtype), torch.tensor(np.concatenate(REPORTS), dtype=dtype)
    looked, seen = torch.tensor(np.concatenate(GAZE), dtype=dtype), torch.tensor(np.concatenate(LOOKED))
    pooled = torch.nn.functional.normalize(patches.mean(dim=1), dim=-1)
    given = patches, sentences, COUNTS, looked, seen, T
    return {
        "fine_grained": fine_grained_loss(patches, sentences, COUNTS, T).item(),
        "fine_grained, released": fine_grained_loss(patches, sentences, COUNTS, T, variant="legacy").item(),
        "gaze": gaze_loss(*given).item(),
        "gaze, released": gaze_loss(*given, variant="legacy").item(),
        "mapping": mapping_loss(*given).item(),
        "mapping, released": mapping_loss(*given, variant="legacy").item(),
        "global": global_loss(pooled, sentences, COUNTS, T).item(),
    }


CASES: dict[str, tuple[Callable[[], float], float]] = {
    "fine_grained": (lambda: fine_grained(False), 4.649872517162),
    "fine_grained, released": (lambda: fine_grained(True), 4.601196226341),
    "gaze": (lambda: gaze(0.5, 0.1), 11.574241987240),
    "gaze, released": (lambda: gaze(0.8, 0.0), 11.886652848479),
    "mapping": (lambda: mapping(False), 2.769117653937),
    "mapping, released": (lambda: mapping(True), 1.256503818395),
    "global": (whole, 11.539606967225),
}


@pytest.mark.parametrize("name", CASES)
def test_the_numbers_of_a_small_case(name: str) -> None:
    reference, golden = CASES[name]
    assert reference() == pytest.approx(golden, abs=1e-9)
    assert ours(torch.float64)[name] == pytest.approx(golden, abs=1e-9)
    assert ours(torch.float32)[name] == pytest.approx(golden, abs=1e-5)
