"""The figures of merit and the probe's fit against scikit-learn, where that is installed."""

from __future__ import annotations

import numpy as np
import pytest

from egma_core.evaluation import metrics
from egma_core.evaluation.probe import fit_logistic

sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is for this comparison only")


@pytest.mark.parametrize("seed", range(5))
def test_decided_figures(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, predicted = random.integers(0, 4, (2, 60))
    confusion = metrics.confusion_matrix(truth, predicted, 4)
    assert confusion.tolist() == sklearn_metrics.confusion_matrix(truth, predicted).tolist()
    assert metrics.accuracy(confusion) == pytest.approx(sklearn_metrics.accuracy_score(truth, predicted))
    assert metrics.balanced_accuracy(confusion) == pytest.approx(sklearn_metrics.balanced_accuracy_score(truth, predicted))
    assert metrics.macro_f1(confusion) == pytest.approx(sklearn_metrics.f1_score(truth, predicted, average="macro"))
    assert metrics.matthews(confusion) == pytest.approx(sklearn_metrics.matthews_corrcoef(truth, predicted))


@pytest.mark.parametrize("seed", range(5))
def test_ranking_figures_with_several_labels_a_film(seed: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.random((80, 3)) < 0.3
    scores = np.round(random.normal(size=(80, 3)) + truth, 1)
    assert metrics.macro(metrics.auroc, truth, scores) == pytest.approx(sklearn_metrics.roc_auc_score(truth, scores, average="macro"))
    assert metrics.macro(metrics.average_precision, truth, scores) == pytest.approx(
        sklearn_metrics.average_precision_score(truth, scores, average="macro")
    )


@pytest.mark.parametrize("penalty", [1e-3, 0.1])
def test_logistic_regression(penalty: float) -> None:
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    x = random.normal(size=(120, 5))
    y = x @ random.normal(size=(5, 2)) + random.normal(size=(120, 2)) > 0
    weights, biases = fit_logistic(x, y, penalty)
    for c in range(2):
        theirs = LogisticRegression(C=1 / (penalty * len(x)), tol=1e-8, max_iter=1000).fit(x, y[:, c])
        np.testing.assert_allclose(weights[:, c], theirs.coef_[0], atol=2e-3, rtol=1e-3)
        assert biases[c] == pytest.approx(theirs.intercept_[0], abs=2e-3)
