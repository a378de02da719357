"""Linear probe: what a linear classifier finds in the frozen image encoder's features, with few labels and with all.

The features are the pooled ones before the projection to the shared space. Each label is one logistic regression with a
squared penalty, solved to the end (L-BFGS), so that there is no schedule to tune; the penalty is chosen on all validation
films, whatever the share, so that a probe on few labels has used more labels than its share. Shares of labels are nested
and by patient: who is in the 1 % is in the 10 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from egma_core.errors import ConfigError
from egma_core.evaluation import metrics
from egma_core.evaluation.resampling import auroc_of_draws, ranked_ci95
from egma_core.evaluation.scorers import Progress
from egma_core.evaluation.zero_shot import LabelledFilm, labelled_films, truth_table
from egma_core.examples.manifest import Manifest
from egma_core.examples.splits import Split, hash_fraction

SHARES = (0.01, 0.1, 1.0)
"""Shares of the training patients whose labels are used."""

SEEDS = 5
"""How often a share below 1 is drawn."""

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Penalties to choose from, on mean loss a film with standardised features."""


class FeatureSource(Protocol):
    """What gives films' features."""

    def features(self, films: Sequence[Path], /) -> Iterator[NDArray[np.float32]]:
        """(width,) features of each film, in their order."""
        ...


@dataclass(frozen=True)
class ProbeAtShare:
    """The probe with one share of labels.

    Attributes:
        share: Share of the training patients.
        n_films: Training films used, the mean over draws.
        macro_auroc: Mean over labels and draws.
        ci95: Its interval over the films reported on; patients are redrawn together.
        deviation: Standard deviation over draws; NaN for one.
        auroc: Mean over draws, by label.
        penalties: The penalty chosen in each draw.
    """

    share: float
    n_films: float
    macro_auroc: float
    ci95: tuple[float, float]
    deviation: float
    auroc: dict[str, float]
    penalties: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values; undefined ones become null."""
        return {
            "share": self.share,
            "n_films": self.n_films,
            "macro_auroc": metrics.finite_or_none(self.macro_auroc),
            "ci95": [metrics.finite_or_none(x) for x in self.ci95],
            "deviation": metrics.finite_or_none(self.deviation),
            "auroc": {label: metrics.finite_or_none(value) for label, value in self.auroc.items()},
            "penalties": list(self.penalties),
        }


@dataclass(frozen=True)
class LinearProbe:
    """Linear probes of one encoder.

    Attributes:
        split: What was reported on.
        labels: The labels, each against the rest.
        n_train: Training films in all.
        n_validation: Films that the penalty was chosen on.
        n: Films reported on.
        shares: One probe a share of labels.
    """

    split: str
    labels: tuple[str, ...]
    n_train: int
    n_validation: int
    n: int
    shares: tuple[ProbeAtShare, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for JSON; undefined figures become null."""
        return {
            "split": self.split,
            "labels": list(self.labels),
            "n_train": self.n_train,
            "n_validation": self.n_validation,
            "n": self.n,
            "shares": [share.to_json() for share in self.shares],
        }


def evaluate_probe(
    predictor: FeatureSource,
    manifest: Manifest,
    split: Split = "test",
    *,
    shares: Sequence[float] = SHARES,
    seeds: int = SEEDS,
    progress: Progress | None = None,
) -> LinearProbe:
    """Fit on the training split, choose the penalty on the validation split, report on `split`.

    Args:
        predictor: The model.
        manifest: The examples.
        split: The split to report on.
        shares: Shares of the training patients.
        seeds: How often a share below 1 is drawn.
        progress: Called with films encoded and films in all.

    Raises:
        ConfigError: A split has no labelled film, or no label is there and absent in both.
    """
    parts = [labelled_films(manifest, name) for name in ("train", "validation", split)]
    return probe_films(predictor, *parts, split=split, shares=shares, seeds=seeds, progress=progress)


def probe_films(
    predictor: FeatureSource,
    train: Sequence[LabelledFilm],
    validation: Sequence[LabelledFilm],
    test: Sequence[LabelledFilm],
    *,
    split: str,
    shares: Sequence[float] = SHARES,
    seeds: int = SEEDS,
    progress: Progress | None = None,
) -> LinearProbe:
    """Linear probes on given films, none of whose patients is in two of the three sets; arguments and errors as in `evaluate_probe`."""
    for name, films in (("train", train), ("validation", validation), (split, test)):
        if not films:
            raise ConfigError(
                f"The linear probe needs labelled films, and the {name} split has none.", "Label some, or leave the probe out."
            )
    everywhere = [*train, *validation, *test]
    labels = tuple(sorted({label for film in everywhere for label in film.labels}))
    truth = truth_table(everywhere, labels)
    ends = np.cumsum([len(train), len(validation), len(test)]).tolist()
    usable = np.array([all(0 < t.sum() < len(t) for t in (truth[: ends[0], c], truth[ends[1] :, c])) for c in range(len(labels))])
    if not usable.any():
        raise ConfigError("No label is both there and absent among the films to train and to report on.", "Label more films.")
    labels, truth = tuple(np.array(labels, dtype=object)[usable].tolist()), truth[:, usable]
    features = _features(predictor, everywhere, progress)
    sets = [_Set(features[a:b], truth[a:b], [f.patient for f in everywhere[a:b]]) for a, b in zip([0, *ends], ends, strict=False)]
    probes = tuple(_at_share(share, sets, labels, seeds) for share in shares)
    return LinearProbe(split, labels, n_train=len(train), n_validation=len(validation), n=len(test), shares=probes)


@dataclass(frozen=True)
class _Set:
    features: NDArray[np.float64]
    truth: NDArray[np.bool_]
    patients: list[str]


def _features(predictor: FeatureSource, films: Sequence[LabelledFilm], progress: Progress | None) -> NDArray[np.float64]:
    rows: list[NDArray[np.float32]] = []
    for row in predictor.features([film.path for film in films]):
        rows.append(row)
        if progress is not None:
            progress(len(rows), len(films))
    return np.stack(rows).astype(np.float64)


def _at_share(share: float, sets: Sequence[_Set], labels: tuple[str, ...], seeds: int) -> ProbeAtShare:
    train, validation, test = sets
    scores: list[NDArray[np.float64]] = []
    penalties: list[float] = []
    sizes: list[int] = []
    for seed in range(1 if share >= 1 else seeds):
        chosen = nested_share(train.patients, share, seed)
        x, y = train.features[chosen], train.truth[chosen]
        mean, spread = x.mean(axis=0), x.std(axis=0)
        spread[spread < 1e-12] = 1.0
        scaled = [(part - mean) / spread for part in (x, validation.features, test.features)]
        fits = [fit_logistic(scaled[0], y, penalty) for penalty in PENALTIES]
        reached = [metrics.macro(metrics.auroc, validation.truth, scaled[1] @ w + b) for w, b in fits]
        best = _best(reached)
        weights, bias = fits[best]
        scores.append(scaled[2] @ weights + bias)
        penalties.append(PENALTIES[best])
        sizes.append(int(chosen.sum()))
    by_draw = np.array([[metrics.auroc(test.truth[:, c], s[:, c]) for c in range(len(labels))] for s in scores])

    of_draws = by_draw.mean(axis=1)
    return ProbeAtShare(
        share=share,
        n_films=float(np.mean(sizes)),
        macro_auroc=float(of_draws.mean()),
        ci95=ranked_ci95(auroc_of_draws, test.truth, scores, test.patients),
        deviation=float(of_draws.std(ddof=1)) if len(scores) > 1 else float("nan"),
        auroc=dict(zip(labels, by_draw.mean(axis=0).tolist(), strict=True)),
        penalties=tuple(penalties),
    )


def _best(reached: Sequence[float]) -> int:
    """The strongest of equally good penalties; the middle one where validation films tell nothing."""
    known = [i for i, figure in enumerate(reached) if math.isfinite(figure)]
    return max(known, key=lambda i: (reached[i], i)) if known else len(reached) // 2


def nested_share(patients: Sequence[str], share: float, seed: int) -> NDArray[np.bool_]:
    """Which films belong to the first `share` of the patients, one at least; larger shares hold smaller ones.

    Args:
        patients: (n,) the patient of each film.
        share: Share of the patients, in 0..1.
        seed: Another seed gives another order.
    """
    ordered = sorted(set(patients), key=lambda patient: hash_fraction(patient, "label share", seed))
    kept = set(ordered[: max(1, math.ceil(share * len(ordered) - 1e-9))])
    return np.array([patient in kept for patient in patients])


def fit_logistic(x: NDArray[np.float64], y: NDArray[np.bool_], penalty: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logistic regressions of C labels, each against the rest.

    Args:
        x: (n, width) features.
        y: (n, C) bool; a label that is nowhere or everywhere gets no weights, so that it ranks nothing.
        penalty: Half of it times the squared weights is added to the mean loss; the bias is free.

    Returns:
        Weights (width, C) and biases (C,).
    """
    weights, biases = np.zeros((x.shape[1], y.shape[1])), np.zeros(y.shape[1])
    learnable = y.any(axis=0) & ~y.all(axis=0)
    if not learnable.any():
        return weights, biases
    # The labels' problems are independent; together they are one product of matrices a step.
    sign = np.where(y[:, learnable], 1.0, -1.0)
    shape = (x.shape[1] + 1, sign.shape[1])

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        point = flat.reshape(shape)
        margin = sign * (x @ point[:-1] + point[-1])
        pull = -sign * expit(-margin) / len(x)
        gradient = np.concatenate([x.T @ pull + penalty * point[:-1], pull.sum(axis=0, keepdims=True)])
        return float(np.logaddexp(0.0, -margin).sum() / len(x) + penalty / 2 * (point[:-1] ** 2).sum()), gradient.ravel()

    start = np.zeros(shape[0] * shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 1000, "ftol": 1e-12, "gtol": 1e-7}).x.reshape(shape)
    weights[:, learnable], biases[learnable] = found[:-1], found[-1]
    return weights, biases
