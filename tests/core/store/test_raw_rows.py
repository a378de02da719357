"""Readings and their raw rows, on both engines: what went in comes out, and only once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from egma_core.errors import StoreError
from egma_core.gaze.samples import SAMPLE_DTYPE, GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.store.store import Store
from egma_core.store.values import Notification, RawBatch, SpokenSentence

STARTED = 10**15
Samples = Callable[..., GazeSamples]
Begin = Callable[..., int]


def viewport(at_ms: int, **others: object) -> Viewport:
    transform = Transform("image", "screen", 0.5, 0.1, -0.1, 0.5, 12.25, -3.0)
    values = {"host_ns": STARTED + at_ms * 10**6, "instance_uid": "1.2.3.1.1.1", "frame": 1, "image_to_screen": transform}
    return Viewport(**{**values, "region": Rect(0.0, 10.0, 1000.5, 900.0), **others})


def test_a_reading_from_beginning_to_end(store: Store, begin: Begin, samples: Samples) -> None:
    reading_id = begin(store)
    views = (viewport(0, window_center=40.0, window_width=400.0), viewport(50, inverted=True, instance_uid=""))
    said = SpokenSentence("No effusion.", STARTED + 20_000_000, STARTED + 90_500_000, "dictation")
    noted = Notification(STARTED + 1, "tracker", "Calibration changed.")
    first, second = samples(12), samples(12, at_ms=100)
    changes = store.append(reading_id, RawBatch(first, views, (said,), (noted,)))
    assert (changes.tables, changes.id) == ({"gaze_chunk", "viewport", "sentence", "notification"}, reading_id)
    assert store.append(reading_id, RawBatch(second)).tables == {"gaze_chunk"}
    store.end_reading(reading_id, "complete", STARTED + 200_000_000, "signed")

    gaze = store.gaze(reading_id)
    assert gaze.origin == "tracker"
    assert gaze.rows.tobytes() == first.rows.tobytes() + second.rows.tobytes()
    assert store.viewports(reading_id) == views
    assert store.notifications(reading_id) == (noted,)
    (sentence,) = store.sentences(reading_id)
    assert (sentence.text, sentence.onset_s, sentence.offset_s, sentence.origin) == ("No effusion.", 0.02, 0.0905, "dictation")
    assert sentence.id is not None
    (entry,) = store.readings()
    assert entry == store.reading(reading_id)
    assert (entry.reader, entry.tracker, entry.gaze_origin, entry.state, entry.note) == ("Dr A", "fake", "tracker", "complete", "signed")
    assert (entry.n_samples, entry.n_sentences, entry.text_origins) == (24, 1, ("dictation",))
    assert (entry.started_ns, entry.ended_ns, entry.started_utc.isoformat()) == (
        STARTED,
        STARTED + 200_000_000,
        "2026-03-01T09:30:00.123456+00:00",
    )
    assert (entry.study.patient, entry.screen) == ("P001", Screen(1920, 1080, 531.0, 299.0, 650.0))


def test_an_empty_reading_is_empty(store: Store, begin: Begin) -> None:
    reading_id = begin(store)
    assert store.append(reading_id, RawBatch(GazeSamples.blank(0, "tracker"))).tables == frozenset()
    store.end_reading(reading_id, "complete", STARTED)
    assert len(store.gaze(reading_id)) == 0
    assert store.gaze(reading_id).rows.dtype == SAMPLE_DTYPE
    assert (store.viewports(reading_id), store.sentences(reading_id), store.notifications(reading_id)) == ((), (), ())
    assert store.reading(reading_id).text_origins == ()


def test_readings_of_some_states(store: Store, begin: Begin) -> None:
    ids = [begin(store) for _ in range(3)]
    store.end_reading(ids[0], "complete", STARTED)
    store.end_reading(ids[1], "discarded", STARTED)
    assert [r.id for r in store.readings()] == ids
    assert [r.id for r in store.readings(states=("complete", "recording"))] == [ids[0], ids[2]]
    assert store.readings(states=()) == []


def test_text_origins_are_kept_apart(store: Store, begin: Begin, samples: Samples) -> None:
    reading_id = begin(store, origin="mouse")
    said = [SpokenSentence("x", STARTED + i, STARTED + i, origin) for i, origin in enumerate(("typed", "dictation", "typed"))]
    store.append(reading_id, RawBatch(samples(3, origin="mouse"), sentences=tuple(said)))
    entry = store.reading(reading_id)
    assert (entry.gaze_origin, entry.text_origins, entry.n_sentences) == ("mouse", ("dictation", "typed"), 3)
    with pytest.raises(StoreError, match="Gaze of origin 'tracker' cannot go into reading"):
        store.append(reading_id, RawBatch(samples(3)))
    assert store.reading(reading_id).n_samples == 3


def test_a_reading_that_ended_takes_no_more(store: Store, begin: Begin, samples: Samples) -> None:
    reading_id = begin(store)
    store.append(reading_id, RawBatch(samples(1)))
    with pytest.raises(StoreError, match="cannot end as 'recording'"):
        store.end_reading(reading_id, "recording", STARTED)
    store.end_reading(reading_id, "complete", STARTED)
    with pytest.raises(StoreError, match="has ended"):
        store.append(reading_id, RawBatch(samples(1)))
    with pytest.raises(StoreError, match="has ended"):
        store.end_reading(reading_id, "discarded", STARTED)
    with pytest.raises(StoreError, match="no reading 99"):
        store.append(99, RawBatch(samples(1)))


def test_a_batch_is_stored_whole_or_not_at_all(store: Store, begin: Begin, samples: Samples) -> None:
    reading_id = begin(store)
    impossible = SpokenSentence(None, STARTED, STARTED, "typed")  # type: ignore[arg-type]  # a column that must not be empty
    with pytest.raises(StoreError, match="refused a row"):
        store.append(reading_id, RawBatch(samples(12), (viewport(0),), (impossible,)))
    assert store.reading(reading_id).n_samples == 0
    assert store.viewports(reading_id) == ()
    store.append(reading_id, RawBatch(samples(12), (viewport(0),)))
    assert len(store.gaze(reading_id)) == 12, "numbering goes on where it was"


def test_recording_goes_on_in_another_process(location: str, begin: Begin, samples: Samples) -> None:
    with Store.open(location) as store:
        reading_id = begin(store)
        store.append(reading_id, RawBatch(samples(2), (viewport(0),)))
    with Store.open(location) as store:
        store.append(reading_id, RawBatch(samples(2, at_ms=100), (viewport(100),)))
        assert len(store.gaze(reading_id)) == 4
        assert [v.host_ns for v in store.viewports(reading_id)] == [STARTED, STARTED + 100_000_000]


def test_what_a_dead_process_left_is_recovered(store: Store, begin: Begin, samples: Samples) -> None:
    done, left, empty = begin(store), begin(store), begin(store)
    store.end_reading(done, "complete", STARTED + 1)
    store.append(left, RawBatch(samples(12), (viewport(250),)))
    assert store.recover_readings() == (left, empty)
    assert store.recover_readings() == ()
    assert [store.reading(r).state for r in (done, left, empty)] == ["complete", "recovered", "recovered"]
    assert store.reading(left).ended_ns == STARTED + 250_000_000
    assert store.reading(empty).ended_ns == STARTED
    assert len(store.gaze(left)) == 12


def test_health_says_what_is_there(store: Store, begin: Begin, samples: Samples) -> None:
    one, two = begin(store), begin(store)
    store.append(one, RawBatch(samples(12)))
    store.append(one, RawBatch(samples(12, at_ms=100)))
    health = store.check()
    assert health.integrity == "ok"
    assert [(r.id, r.state, r.n_samples, r.n_gaps) for r in health.readings] == [(one, "recording", 24, 0), (two, "recording", 0, 0)]
    assert [r.last_durable_ns for r in health.readings] == [STARTED + 100_000_000 + 11 * 8_333_333, STARTED]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 5), max_size=6), seed=st.integers(0, 2**32 - 1))
def test_any_bytes_come_back_as_they_were(store: Store, begin: Begin, sizes: list[int], seed: int) -> None:
    reading_id = begin(store)
    rng = np.random.default_rng(seed)
    blocks = []
    for size in sizes:
        rows = np.frombuffer(rng.bytes(size * SAMPLE_DTYPE.itemsize), SAMPLE_DTYPE).copy()
        rows["left_valid"], rows["right_valid"] = rng.random(size) < 0.5, rng.random(size) < 0.5
        blocks.append(GazeSamples(rows, "tracker"))
        store.append(reading_id, RawBatch(blocks[-1]))
    assert store.gaze(reading_id).rows.tobytes() == b"".join(block.rows.tobytes() for block in blocks)
