"""The screens' tests: without a display, and skipped visibly where PySide6 is not installed."""

from __future__ import annotations

import functools
import gc
import importlib.util
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_core.dicom.writer import FilmTags, write_film
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.store.store import Store
from egma_core.store.values import CaptureSessionRecord, FilmRecord, RawBatch, SpokenSentence
from egma_core.trackers.tracker import TrackerDescription

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

NEEDS_QT = importlib.util.find_spec("PySide6") is None


class WithoutQt(pytest.Module):
    """A test module that cannot even be imported here."""

    def collect(self) -> list[pytest.Item]:
        return [pytest.Function.from_parent(self, name="needs_pyside6", callobj=_skip)]


def _skip() -> None:
    pytest.skip("PySide6 is not installed")


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    return WithoutQt.from_parent(parent, path=module_path) if NEEDS_QT else None


# -- a library with readings, for the workspaces that look at readings


@pytest.fixture
def make_library(tmp_path: Path) -> Callable[..., Path]:
    """Make a library: `make(n_studies, readings=..., origin=..., name=...)` returns its path.

    Each film has a bright mark in one corner. In each of its `readings`, the reader looks at the mark for two seconds and
    names it, then looks at the middle for two seconds and says that there is nothing there. Origins joined by `+` take turns.
    """

    return functools.partial(_make_library, tmp_path)


@pytest.fixture(scope="module")
def make_shared_library(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """As `make_library`, for a library that the tests of a module share."""
    return functools.partial(_make_library, tmp_path_factory.mktemp("shared"))


def _make_library(folder: Path, n_studies: int = 2, *, readings: int = 1, origin: str = "simulated", name: str = "library") -> Path:
    origins = origin.split("+")
    path = folder / f"{name}.sqlite"
    with Store.open(path, create=True) as store:
        reader = store.add_reader("Reader A").id
        assert reader is not None
        for number in range(n_studies):
            study = _add_film(store, number)
            for nth in range(readings):
                _add_reading(store, reader, study, number, nth, origins[nth % len(origins)])
    return path


SIDE = 64
CORNERS = {"upper left": (12, 12), "upper right": (52, 12), "lower left": (12, 52), "lower right": (52, 52)}


def _add_film(store: Store, number: int) -> int:
    corner = list(CORNERS)[number % 4]
    pixels = np.random.default_rng(number).integers(40, 80, (SIDE, SIDE))
    x, y = CORNERS[corner]
    pixels[y - 6 : y + 6, x - 6 : x + 6] += 140
    tags = FilmTags(f"P{number:03d}", f"1.2.{number}", f"1.2.{number}.1", f"1.2.{number}.1.1", view_position="PA")
    store.files.mkdir(exist_ok=True)
    digest = write_film(store.files / f"{number}.dcm", pixels.astype(np.uint8), tags)
    uids = (tags.study_uid, tags.series_uid, tags.instance_uid, "1.2.840.10008.5.1.4.1.1.1")
    film = FilmRecord(tags.patient_id, *uids, "CR", "PA", SIDE, SIDE, 1, f"{number}.dcm", digest, "phantom")
    store.add_film(film, labels=[corner])
    return next(s.id for s in store.studies() if s.study_uid == tags.study_uid)


def _add_reading(store: Store, reader: int, study: int, number: int, nth: int, origin: str) -> None:
    screen = Screen(1920, 1080, 531.0, 299.0, 650.0)
    tracker = TrackerDescription("mouse" if origin == "mouse" else "simulated", origin, "Test", "", 120.0)  # type: ignore[arg-type]
    utc = datetime(2026, 3, 9, 10, 0, tzinfo=timezone.utc) + timedelta(minutes=number + 60 * nth)
    session = store.begin_session(CaptureSessionRecord(reader, screen, tracker, 0, utc, "test")).id
    assert session is not None
    start = 10**9 * (1 + number)
    reading = store.begin_reading(session, study, start, utc).id
    assert reading is not None
    scale, left, top = 14.0, 512.0, 92.0
    shown = Viewport(
        start, f"1.2.{number}.1.1", 1, Transform.scaling("image", "screen", scale, scale, left, top), Rect(460, 40, 1460, 1040)
    )
    corner = list(CORNERS)[number % 4]
    gaze = GazeSamples.blank(480, origin)  # type: ignore[arg-type]
    rows = gaze.rows
    rows["host_ns"] = start + np.arange(480) * 10**9 // 120
    target = np.where(np.arange(480)[:, None] < 240, np.array(CORNERS[corner]), SIDE / 2)
    on_screen = np.array([left, top]) + scale * target + np.random.default_rng(number).normal(0, 1.5, (480, 2))
    for eye in ("left", "right"):
        rows[f"{eye}_x"], rows[f"{eye}_y"] = (on_screen / (screen.width_px, screen.height_px)).T
        rows[f"{eye}_valid"] = True
    lost = slice(230, 250)
    for eye in ("left", "right"):
        rows[f"{eye}_x"][lost] = rows[f"{eye}_y"][lost] = np.nan
        rows[f"{eye}_valid"][lost] = False
    words = "simulated" if origin == "simulated" else "typed"
    sentences = (
        SpokenSentence(f"There is a mark in the {corner} corner.", start + 1_200_000_000, start + 1_900_000_000, words),
        SpokenSentence("There is nothing in the middle.", start + 3_200_000_000, start + 3_900_000_000, words),
    )
    store.append(reading, RawBatch(gaze, (shown,), sentences))
    store.end_reading(reading, "complete", start + 4 * 10**9)


@pytest.fixture(scope="package", autouse=not NEEDS_QT)
def _garbage_as_in_the_program(qapp: Any) -> Iterator[None]:
    """Collect garbage as the program does: on the window's thread alone."""
    from PySide6.QtCore import QObject

    from egma_app import jobs

    owner = QObject()
    timer = jobs.collect_garbage_here(owner)
    yield
    timer.stop()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Windows of the offscreen platform have no frame, no stack and no keyboard to grab, and Qt says so for each of them."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent) and not NEEDS_QT:
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support ", extend=True))
