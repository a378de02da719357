"""Readings and predictions go out as DICOM objects of their film's study, and nothing goes out that should stay."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pydicom
import pytest

pytest.importorskip("highdicom", reason="highdicom is not installed: pip install 'egma[dicom-out]'")

from egma_core.alignment.patches import PatchGrid
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import InterchangeError, PrivacyError
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.inference.dicom_results import export_prediction
from egma_core.inference.prediction import Prediction, SimilarityMap
from egma_core.interchange.dicom import import_dicom
from egma_core.interchange.gaze_dicom import export_gaze
from egma_core.processing import process_reading
from egma_core.store.store import Store
from egma_core.store.values import CaptureSessionRecord, RawBatch, SpokenSentence
from egma_core.trackers.tracker import TrackerDescription

SCREEN = Screen(1920, 1080, 530.0, 300.0, 650.0)
UTC = datetime(2026, 1, 2, tzinfo=timezone.utc)
START = 7_000_000_000
LOOKS = np.array([(60.0, 40.0), (30.0, 80.0)])


@pytest.fixture
def library(tmp_path: Path):
    source = tmp_path / "in"
    source.mkdir()
    write_film(source / "1.dcm", np.full((120, 100), 90, np.uint8), FilmTags("P1", "1.1", "1.1.1", "1.1.1.1"))
    (tmp_path / "library").mkdir()
    with Store.open(tmp_path / "library" / "library.sqlite", create=True) as store:
        import_dicom(source, store)
        yield store


def read(store: Store, *texts: str) -> int:
    """Record two looks of a second each at the film, and sentences over them."""
    (study,) = store.studies()
    zoom, left, top = 8.0, 200.0, 50.0
    samples = GazeSamples.blank(240, "simulated")
    seconds = np.arange(240) / 120
    samples.rows["host_ns"] = START + (seconds * 1e9).astype(np.int64)
    at = LOOKS[seconds.astype(int)] * zoom + (left, top)
    for side in ("left", "right"):
        samples.rows[f"{side}_x"], samples.rows[f"{side}_y"] = at[:, 0] / SCREEN.width_px, at[:, 1] / SCREEN.height_px
        samples.rows[f"{side}_valid"] = True
    reader, tracker = store.add_reader("Reader").id, TrackerDescription("simulated", "simulated", "Simulated", "", 120.0)
    session = store.begin_session(CaptureSessionRecord(reader, SCREEN, tracker, START, UTC, "0")).id
    reading = store.begin_reading(session, study.id, START, UTC).id
    shown = Transform.scaling("image", "screen", zoom, zoom, left, top)
    log = (Viewport(START - 1, study.instances[0].instance_uid, 1, shown, Rect(0.0, 0.0, 1920.0, 1080.0)),)
    said = tuple(SpokenSentence(text, START + n * 10**9, START + (n + 1) * 10**9, "typed") for n, text in enumerate(texts))
    store.append(reading, RawBatch(samples, log, said))
    store.end_reading(reading, "complete", START + 2 * 10**9)
    return reading


def test_a_readings_gaze_goes_out_with_its_film(library: Store, tmp_path: Path) -> None:
    reading = read(library, "Heart is big.", "Clear lungs.")
    with pytest.raises(InterchangeError, match="was not processed"):
        export_gaze(library, reading, tmp_path / "out")
    process_reading(library, reading)
    overlay, maps = (pydicom.dcmread(path) for path in export_gaze(library, reading, tmp_path / "out"))
    film = library.studies()[0].instances[0]
    assert overlay.Columns == 100 and overlay.Rows > 120, "the mark stands above the film, not on it"
    assert overlay.SourceImageSequence[0].ReferencedSOPInstanceUID == film.instance_uid
    assert [segment.SegmentLabel for segment in maps.SegmentSequence] == ["whole reading", "Heart is big.", "Clear lungs."]
    whole, first, second = maps.pixel_array
    for sentence, (x, y) in ((first, LOOKS[0]), (second, LOOKS[1])):
        row, column = np.unravel_index(int(sentence.argmax()), sentence.shape)
        assert abs(row - y) <= 6 and abs(column - x) <= 6 and sentence.max() == 255
    assert whole[40, 60] > 100 and whole[80, 30] > 100 and whole[110, 90] < 50


def test_a_text_that_may_name_somebody_stays_unless_it_was_looked_at(library: Store, tmp_path: Path) -> None:
    reading = read(library, "Compared with the film of Mr. Smith from 12/03/2019.")
    process_reading(library, reading)
    with pytest.raises(PrivacyError, match="may tell who somebody is"):
        export_gaze(library, reading, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert len(export_gaze(library, reading, tmp_path / "out", allow_text=True)) == 2


def prediction(shape: tuple[int, int]) -> Prediction:
    grid = PatchGrid(4, 4, 120, Transform.scaling("image", "network", 1.0, 1.0))
    cosine = np.linspace(-0.1, 0.5, 16, dtype=np.float32).reshape(4, 4)
    maps = tuple(SimilarityMap(sentence, values, grid, shape) for sentence, values in (("a mass", cosine), ("clear lungs", cosine[::-1])))
    two = np.array([1.5, -0.5], np.float32)
    return Prediction(("mass", "no finding"), two, np.array([0.88, 0.12], np.float32), ("a mass", "clear lungs"), two, maps)


def test_a_prediction_goes_out_as_picture_maps_and_scores(library: Store, tmp_path: Path) -> None:
    film = library.studies()[0].instances[0]
    files = export_prediction(film.path, prediction((120, 100)), tmp_path / "out", model="step_000100")
    assert [path.name.split("-")[0] for path in files] == ["overlay", "maps", "scores"]
    overlay, maps, scores = (pydicom.dcmread(path) for path in files)
    assert {ds.StudyInstanceUID for ds in (overlay, maps, scores)} == {library.studies()[0].study_uid}
    assert (maps.Rows, maps.Columns, maps.NumberOfFrames) == (120, 100, 2)
    top, bottom = maps.pixel_array[0, 2, 2], maps.pixel_array[0, 117, 97]
    assert top == 0 and bottom > 250 and maps.pixel_array[1, 117, 2] < maps.pixel_array[1, 2, 97]
    assert "mass" in str(scores) and "step_000100" in str(scores)
