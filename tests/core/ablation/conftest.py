"""A study small enough to train in a second, its films drawn once for all tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from egma_core.ablation.folder import StudyFolder
from egma_core.ablation.plan import BASELINE, FULL, StudyPlan
from egma_core.ablation.worker import draw_films, draw_films_without, make_manifest

TINY = StudyPlan(
    conditions=(BASELINE, "gaze_50", FULL, "gaze_10_batch", "no_gaze_missing", "reader_missing"),
    budgets=(2,),
    seeds=2,
    train=10,
    validation=3,
    test=8,
    first_seed=3001,
    size_px=64,
    width=16,
    embed_dim=16,
    batch_size=5,
)


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny study with its films and readings."""
    folder = StudyFolder.open(tmp_path_factory.mktemp("study") / "tiny", TINY)
    draw_films(folder, [seed for seeds in TINY.phantom_seeds().values() for seed in seeds])
    draw_films_without(folder, list(TINY.phantom_seeds()["test"]))
    for reader in TINY.readers:
        make_manifest(folder, reader.name)
    return folder.path


@pytest.fixture
def study(drawn: Path, tmp_path: Path) -> Callable[[], StudyFolder]:
    """A fresh copy of the tiny study, ready to train."""

    def copy() -> StudyFolder:
        shutil.copytree(drawn, tmp_path / "study")
        return StudyFolder.open(tmp_path / "study", TINY)

    return copy
