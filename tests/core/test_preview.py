from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from egma_core.errors import StoreError
from egma_core.gaze.samples import GazeOrigin, GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.preview import preview_sentence
from egma_core.processing import process_reading
from egma_core.speech.sentences import Sentence
from egma_core.store.store import Store
from egma_core.store.values import CalibrationAttempt, CaptureSessionRecord, FilmRecord, RawBatch, SpokenSentence
from egma_core.trackers.tracker import TrackerDescription

SCREEN = Screen(1920, 1080, 530.0, 300.0, 650.0)
STARTED = 7_000_000_000
UTC = datetime(2026, 1, 2, tzinfo=timezone.utc)
LOOKS = np.array([(200.0, 300.0), (600.0, 700.0), (400.0, 500.0), (700.0, 200.0)])
"""Places of the first film looked at, one second each."""
ZOOM, LEFT, TOP = 0.9, 500.0, 60.0
SHOWN = Transform.scaling("image", "screen", ZOOM, ZOOM, LEFT, TOP)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        for uid in ("1.3", "1.4"):
            uids = ("1.1", "1.2", uid, "1.2.840.10008.5.1.4.1.1.1")
            store.add_film(FilmRecord("P1", *uids, "CR", "PA", 1000, 900, 1, f"{uid}.dcm", "0" * 64, "phantom"))
        yield store


def gaze(looks: np.ndarray = LOOKS, origin: GazeOrigin = "simulated", rate_hz: float = 120.0) -> GazeSamples:
    n = round(rate_hz * len(looks))
    samples = GazeSamples.blank(n, origin)
    seconds = np.arange(n) / rate_hz
    samples.rows["host_ns"] = STARTED + (seconds * 1e9).astype(np.int64)
    places = looks[seconds.astype(int)] + np.random.default_rng(0).normal(0.0, 1.0, (n, 2))
    for side in ("left", "right"):
        samples.rows[f"{side}_x"], samples.rows[f"{side}_y"] = ((places * ZOOM + (LEFT, TOP)) / (1920, 1080)).T
        samples.rows[f"{side}_valid"] = True
    return samples


def begin(store: Store, origin: GazeOrigin = "simulated") -> tuple[int, int]:
    """(session, reading): a reading in progress, of which nothing is stored."""
    reader, tracker = store.add_reader("Reader").id, TrackerDescription("simulated", origin, "Simulated", "", 120.0)
    assert reader is not None
    session = store.begin_session(CaptureSessionRecord(reader, SCREEN, tracker, STARTED, UTC, "0")).id
    assert session is not None
    reading = store.begin_reading(session, store.studies()[0].id, STARTED, UTC).id
    assert reading is not None
    return session, reading


def shown(uid: str = "1.3", at_s: float = 0.0) -> Viewport:
    return Viewport(STARTED + round(at_s * 1e9) - 1, uid, 1, SHOWN, Rect(400.0, 0.0, 1920.0, 1080.0))


def said(text: str, onset_s: int, offset_s: int) -> SpokenSentence:
    return SpokenSentence(text, STARTED + onset_s * 10**9, STARTED + offset_s * 10**9, "typed")


def test_it_is_what_processing_makes_of_the_sentence(library: Store) -> None:
    session, reading = begin(library)
    attempt = CalibrationAttempt("validation", STARTED - 2, UTC, ((0.5, 0.5),), {}, {"average": {"accuracy_deg": 1.7}})
    drift = CalibrationAttempt("drift_check", STARTED - 2, UTC, ((0.5, 0.5),), {}, {})
    validation, check = (library.add_attempt(session, one).id for one in (attempt, drift))
    assert check is not None
    library.use_calibration(session, STARTED - 1, None, validation)
    library.add_correction(session, STARTED - 1, check, 0.01, -0.02, "drift")
    library.append(reading, RawBatch(gaze(), (shown(),), (said("Clear.", 1, 2), said("Big heart.", 3, 4))))
    sentences = library.sentences(reading)
    previews = [preview_sentence(library, reading, sentence) for sentence in sentences]
    library.end_reading(reading, "complete", STARTED + 4 * 10**9)
    for preview, made in zip(previews, process_reading(library, reading).maps, strict=True):
        assert preview is not None
        assert (preview.sentence, preview.instance_uid, preview.window_s, preview.policy) == (
            made.sentence,
            made.instance_uid,
            made.window_s,
            made.policy,
        )
        for name in ("x_px", "y_px", "sigma_px", "weight_s", "visible"):
            assert np.allclose(getattr(preview, name), getattr(made, name)), name
    assert [len(preview.x_px) for preview in previews if preview] == [2, 2]


def test_a_sentence_need_not_be_stored(library: Store) -> None:
    _, reading = begin(library)
    library.append(reading, RawBatch(gaze(), (shown(),), (said("Clear.", 1, 2),)))
    preview = preview_sentence(library, reading, Sentence("Big heart.", 3.0, 4.0, "dictation"))
    assert preview is not None
    assert preview.window_s == (2.0, 4.0), "it begins where the stored sentence before it ends"
    assert np.allclose(np.column_stack([preview.x_px, preview.y_px]), LOOKS[2:], atol=1.0)


def test_the_film_looked_at_longest_is_shown(library: Store) -> None:
    _, reading = begin(library)
    library.append(reading, RawBatch(gaze(), (shown(), shown("1.4", 0.5))))
    preview = preview_sentence(library, reading, Sentence("Clear.", 1.0, 4.0, "typed"))
    assert preview is not None and preview.instance_uid == "1.4"


def test_a_mouse_that_has_rested_for_long_is_where_it_was(library: Store) -> None:
    _, reading = begin(library, "mouse")
    library.append(reading, RawBatch(gaze(LOOKS[:1], "mouse"), (shown(),)))
    preview = preview_sentence(library, reading, Sentence("Clear.", 20.0, 22.0, "typed"))
    assert preview is not None
    assert preview.weight_s.sum() == pytest.approx(7.0, abs=0.1)
    assert np.allclose([preview.x_px.mean(), preview.y_px.mean()], LOOKS[0], atol=5.0)


def test_without_gaze_on_a_film_there_is_nothing(library: Store) -> None:
    _, reading = begin(library)
    sentence = Sentence("Clear.", 1.0, 2.0, "typed")
    assert preview_sentence(library, reading, sentence) is None, "nothing is stored yet"
    library.append(reading, RawBatch(gaze(), (shown(""),)))
    assert preview_sentence(library, reading, sentence) is None, "no film was shown"
    assert preview_sentence(library, reading, Sentence("Late.", 60.0, 61.0, "typed")) is None, "nobody looked any more"
    with pytest.raises(StoreError):
        preview_sentence(library, 99, sentence)
