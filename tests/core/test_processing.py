from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest

from egma_core.alignment.windows import WindowPolicy
from egma_core.errors import ConfigError, StoreError
from egma_core.gaze.detectors import IDT, IVT, Adaptive
from egma_core.gaze.measures import gaze_quality
from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.options import from_mapping, to_mapping
from egma_core.processing import DEFAULT_RECIPE, Recipe, is_current, latest_recipe, load_recipe, place_reading, process_all, process_reading
from egma_core.speech.sentences import Sentence
from egma_core.speech.transcript import Word
from egma_core.store.store import Store, recipe_hash
from egma_core.store.values import CalibrationAttempt, CaptureSessionRecord, FilmRecord, RawBatch, ReadingState, SpokenSentence
from egma_core.trackers.tracker import TrackerDescription

SCREEN = Screen(1920, 1080, 530.0, 300.0, 650.0)
STARTED = 7_000_000_000
UTC = datetime(2026, 1, 2, tzinfo=timezone.utc)
LOOKS = np.array([(200.0, 300.0), (600.0, 700.0), (400.0, 500.0), (700.0, 200.0)])
"""Image positions looked at, one second each."""
ZOOM, LEFT, TOP = 0.9, 500.0, 60.0


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        yield store


def film(store: Store) -> int:
    store.add_film(
        FilmRecord("P1", "1.1", "1.2", "1.3", "1.2.840.10008.5.1.4.1.1.1", "CR", "PA", 1000, 900, 1, "P1/film.dcm", "0" * 64, "phantom")
    )
    return store.studies()[0].id


def gaze(rate_hz: float = 120.0) -> GazeSamples:
    n = round(rate_hz * len(LOOKS))
    samples = GazeSamples.blank(n, "simulated")
    seconds = np.arange(n) / rate_hz
    samples.rows["host_ns"] = STARTED + (seconds * 1e9).astype(np.int64)
    looks = LOOKS[seconds.astype(int)] + np.random.default_rng(0).normal(0.0, 1.0, (n, 2))
    for side in ("left", "right"):
        samples.rows[f"{side}_x"] = (looks[:, 0] * ZOOM + LEFT) / SCREEN.width_px
        samples.rows[f"{side}_y"] = (looks[:, 1] * ZOOM + TOP) / SCREEN.height_px
        samples.rows[f"{side}_valid"] = True
    return samples


def read(store: Store, study_id: int, state: ReadingState = "complete", samples: GazeSamples | None = None) -> int:
    """Record one reading of four looks and two sentences; return its id."""
    reader, tracker = store.add_reader("Reader").id, TrackerDescription("simulated", "simulated", "Simulated", "", 120.0)
    assert reader is not None
    session = store.begin_session(CaptureSessionRecord(reader, SCREEN, tracker, STARTED, UTC, "0")).id
    assert session is not None
    reading = store.begin_reading(session, study_id, STARTED, UTC).id
    assert reading is not None
    shown = Transform.scaling("image", "screen", ZOOM, ZOOM, LEFT, TOP)
    log = (Viewport(STARTED - 1, "1.3", 1, shown, Rect(400.0, 0.0, 1920.0, 1080.0)),)
    said = tuple(
        SpokenSentence(text, STARTED + a * 10**9, STARTED + b * 10**9, "simulated")
        for text, a, b in (("Clear.", 1, 2), ("Big heart.", 3, 4))
    )
    store.append(reading, RawBatch(gaze() if samples is None else samples, log, said))
    if state != "recording":
        store.end_reading(reading, state, STARTED + 4 * 10**9)
    return reading


def test_a_reading_becomes_fixations_and_one_map_a_sentence(library: Store) -> None:
    reading = read(library, film(library))
    made = process_reading(library, reading)
    assert np.allclose(np.column_stack([made.fixations.x_px, made.fixations.y_px]), LOOKS, atol=1.0)
    assert np.allclose(made.fixations.px_per_deg, SCREEN.px_per_deg() / ZOOM)
    first, second = made.maps
    assert (first.sentence.text, first.fixation.tolist(), first.instance_uid) == ("Clear.", [0, 1], "1.3")
    assert (second.sentence.text, second.fixation.tolist()) == ("Big heart.", [2, 3])
    assert np.allclose(first.sigma_px, SCREEN.px_per_deg() / ZOOM)
    assert np.allclose(first.visible, [0.0, 0.0, 900.0, 1000.0])
    assert made.recipe["detector"]["threshold_deg_s"] == 30.0
    assert made.gaze_origin == "simulated"


def test_what_is_stored_is_what_was_made(library: Store) -> None:
    reading = read(library, film(library))
    made = process_reading(library, reading)
    stored = library.derivation(reading, made.recipe_hash)
    assert stored is not None
    assert (stored.id, stored.recipe, stored.recipe_hash, stored.gaze_origin) == (made.id, made.recipe, made.recipe_hash, made.gaze_origin)
    for name in ("onset_s", "offset_s", "x_px", "y_px", "screen_x_px", "dispersion_deg", "px_per_deg", "viewport"):
        assert np.array_equal(getattr(stored.fixations, name), getattr(made.fixations, name), equal_nan=True), name
    for kept, built in zip(stored.maps, made.maps, strict=True):
        assert (kept.sentence, kept.window_s, kept.policy) == (built.sentence, built.window_s, built.policy)
        assert np.array_equal(kept.weight_s, built.weight_s) and np.array_equal(kept.visible, built.visible)


def test_the_same_recipe_replaces_its_result_and_another_one_stands_beside_it(library: Store) -> None:
    reading = read(library, film(library))
    once, again = process_reading(library, reading), process_reading(library, reading)
    assert once.recipe_hash == again.recipe_hash
    assert np.array_equal(once.fixations.onset_s, again.fixations.onset_s)
    wider = process_reading(library, reading, Recipe(sigma_deg=2.0, windows=WindowPolicy("span")))
    assert wider.recipe_hash != once.recipe_hash
    kept = library.derivation(reading, once.recipe_hash)
    assert kept is not None and kept.maps[0].sigma_px[0] * 2 == pytest.approx(wider.maps[0].sigma_px[0])
    assert [m.fixation.tolist() for m in wider.maps] == [[1], [3]]


def test_only_finished_readings_are_processed_and_only_once(library: Store) -> None:
    study = film(library)
    finished = [read(library, study), read(library, study, "recovered")]
    read(library, study, "discarded"), read(library, study, "recording")
    seen: list[tuple[int, int]] = []
    report = process_all(library, progress=lambda done, total: seen.append((done, total)))
    assert report.processed == tuple(finished) and not report.already_there and not report.refused
    assert seen == [(1, 2), (2, 2)]
    later = read(library, study)
    report = process_all(library)
    assert (report.processed, report.already_there) == ((later,), tuple(finished))
    assert process_all(library, Recipe(sigma_deg=0.5)).processed == (*finished, later)


def test_a_reading_that_cannot_be_read_is_refused_and_the_others_go_on(library: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    study = film(library)
    broken, sound = read(library, study, samples=gaze()), read(library, study)
    original = library.gaze

    def gaze_or_damage(reading_id: int) -> GazeSamples:
        if reading_id == broken:
            raise StoreError("A chunk of this reading is damaged.", "Restore the library from a copy.")
        return original(reading_id)

    monkeypatch.setattr(library, "gaze", gaze_or_damage)
    report = process_all(library)
    assert report.processed == (sound,)
    assert [(r.reading_id, "damaged" in r.reason) for r in report.refused] == [(broken, True)]


def test_a_reading_without_gaze_film_or_sentences_gives_an_empty_result(library: Store) -> None:
    study = film(library)
    reading = read(library, study, samples=GazeSamples.blank(0, "simulated"))
    made = process_reading(library, reading)
    assert len(made.fixations) == 0
    assert [m.gaze_valid for m in made.maps] == [False, False]


def test_placed_gaze_of_a_reading_can_be_measured(library: Store) -> None:
    reading = read(library, film(library))
    quality = gaze_quality(place_reading(library, reading), process_reading(library, reading).fixations)
    assert quality.rate_hz == pytest.approx(120.0)
    assert (quality.data_loss, quality.on_film, quality.n_fixations) == (pytest.approx(0.0, abs=1e-6), 1.0, 4)


def test_the_mouse_is_held_until_the_reading_ends(library: Store) -> None:
    reader, mouse = library.add_reader("Reader").id, TrackerDescription("mouse", "mouse", "Mouse", "", 0.0)
    study = film(library)
    assert reader is not None
    session = library.begin_session(CaptureSessionRecord(reader, SCREEN, mouse, STARTED, UTC, "0")).id
    assert session is not None
    reading = library.begin_reading(session, study, STARTED, UTC).id
    assert reading is not None
    samples = GazeSamples(gaze().rows[:1].copy(), "mouse")
    shown = Transform.scaling("image", "screen", ZOOM, ZOOM, LEFT, TOP)
    log = (Viewport(STARTED, "1.3", 1, shown, Rect(0.0, 0.0, 1920.0, 1080.0)),)
    library.append(reading, RawBatch(samples, log, (SpokenSentence("Clear.", STARTED + 10**9, STARTED + 2 * 10**9, "typed"),)))
    library.end_reading(reading, "complete", STARTED + 3 * 10**9)
    made = process_reading(library, reading)
    assert made.gaze_origin == "mouse"
    assert made.fixations.duration_s.tolist() == [pytest.approx(3.0, abs=0.02)]
    assert made.maps[0].weight_s.tolist() == [pytest.approx(2.0, abs=0.02)]


def test_a_recipe_survives_a_file_and_every_setting_counts() -> None:
    recipe = Recipe("left", ivt=IVT(minimum_ms=100.0), windows=WindowPolicy("lead", lead_s=2.0), sigma_deg=1.5)
    assert from_mapping(Recipe, to_mapping(recipe)) == recipe
    others = [
        *(Recipe(), recipe, Recipe("right"), Recipe("strict_average"), Recipe(windows=WindowPolicy(limit_s=3.0))),
        *(Recipe(ivt=IVT(merge_deg=1.0)), Recipe(ivt=IVT(noise_reduction="median")), Recipe(detector="idt"), Recipe(detector="adaptive")),
    ]
    assert len({recipe_hash(r.record()) for r in others}) == len(others)
    assert recipe_hash(Recipe().record()) == recipe_hash(DEFAULT_RECIPE.record())


def test_options_of_a_filter_that_was_not_chosen_make_no_other_recipe() -> None:
    assert Recipe(idt=IDT(2.0), adaptive=Adaptive(edge_ratio=1.0)).record() == Recipe().record()
    assert Recipe(detector="idt", idt=IDT(2.0)).record()["detector"] == {"name": "idt", **to_mapping(IDT(2.0))}


@pytest.mark.parametrize("detector", ["ivt", "idt", "adaptive"])
def test_every_filter_finds_the_four_looks(library: Store, detector: str) -> None:
    made = process_reading(library, read(library, film(library)), Recipe(detector=detector))
    assert np.allclose(np.column_stack([made.fixations.x_px, made.fixations.y_px]), LOOKS, atol=1.0)
    assert made.recipe["detector"]["name"] == detector


def validate(store: Store, session: int, **accuracy_deg: float) -> None:
    """A validation that found these accuracies, in force from the sitting's start."""
    figures = {eye: {"accuracy_deg": value} for eye, value in accuracy_deg.items()}
    attempt = store.add_attempt(session, CalibrationAttempt("validation", STARTED, UTC, ((0.5, 0.5),), {}, figures)).id
    store.use_calibration(session, STARTED, None, attempt)


def test_a_worse_accuracy_than_the_recipe_s_width_widens_the_maps(library: Store) -> None:
    reading = read(library, film(library))
    session = library.reading(reading).session_id
    sharp = process_reading(library, reading)
    assert sharp.inputs == {} and is_current(library, sharp)
    validate(library, session, average=0.4, left=1.5)
    assert not is_current(library, sharp)
    assert process_all(library).processed == (reading,), "what was made before the validation is out of date"
    assert process_all(library).already_there == (reading,)
    kept = library.derivation(reading)
    assert kept is not None and is_current(library, kept)
    assert (kept.inputs, kept.recipe_hash) == ({"accuracy_deg": 0.4}, sharp.recipe_hash)
    assert np.array_equal(kept.maps[0].sigma_px, sharp.maps[0].sigma_px)
    blunt = process_reading(library, reading, Recipe("left"))
    assert (blunt.inputs, blunt.maps[0].policy) == ({"accuracy_deg": 1.5}, "since_previous limit_s=5 sigma_deg=1.5")
    assert np.allclose(blunt.maps[0].sigma_px, 1.5 * sharp.maps[0].sigma_px)


def test_gaze_is_placed_with_the_drift_correction_in_force(library: Store) -> None:
    reading = read(library, film(library))
    session = library.reading(reading).session_id
    drifted = process_reading(library, reading)
    check = library.add_attempt(session, CalibrationAttempt("drift_check", STARTED, UTC, ((0.5, 0.5),), {}, {})).id
    assert check is not None
    dx, dy = 18.0 / SCREEN.width_px, -9.0 / SCREEN.height_px
    library.add_correction(session, STARTED, check, dx, dy, "drift")
    assert not is_current(library, drifted)
    mended = process_reading(library, reading)
    assert mended.inputs == {"correction": [dx, dy]}
    assert np.allclose(mended.fixations.x_px, drifted.fixations.x_px + 18.0 / ZOOM)
    assert np.allclose(mended.fixations.y_px, drifted.fixations.y_px - 9.0 / ZOOM)
    placed = place_reading(library, reading)
    assert np.nanmax(placed.screen_x_px) == pytest.approx(float(np.nanmax(library.gaze(reading).rows["left_x"])) * 1920.0 + 18.0)
    library.add_correction(session, STARTED, check, 0.0, 0.0, "undone")
    assert process_all(library).processed == (reading,)
    undone = library.derivation(reading)
    assert undone is not None and np.array_equal(undone.fixations.x_px, drifted.fixations.x_px)


def test_maps_are_of_the_newest_revision(library: Store) -> None:
    reading = read(library, film(library))
    first, second = library.sentences(reading)
    process_all(library)
    words = (Word("Cardiomegaly.", first.onset_s, second.offset_s),)
    whole = replace(first, text="Cardiomegaly.", offset_s=second.offset_s, words=words)
    library.save_revision(reading, (whole, Sentence("No effusion.", 0.0, 0.5, "typed")), "edited", "even")
    assert process_all(library).processed == (reading,)
    made = library.derivation(reading)
    assert made is not None and set(made.inputs) == {"revision"}
    assert [(m.sentence.text, m.sentence.id, m.fixation.tolist()) for m in made.maps] == [
        ("Cardiomegaly.", first.id, [0, 1, 2, 3]),
        ("No effusion.", None, [0]),
    ]
    assert made.maps[0].is_of(whole) and not made.maps[0].is_of(first)
    library.save_revision(reading, (), "all deleted")
    assert process_reading(library, reading).maps == ()


def test_the_recipe_applied_last_is_known(library: Store) -> None:
    reading = read(library, film(library))
    assert latest_recipe(library, reading) == DEFAULT_RECIPE
    for recipe in (Recipe("left", "idt", idt=IDT(2.0), windows=WindowPolicy("lead", lead_s=2.0)), Recipe(ivt=IVT(minimum_ms=90.0))):
        process_reading(library, reading, recipe)
        assert latest_recipe(library, reading) == recipe
    library.save_derivation(reading, {"algorithm": 0}, process_reading(library, reading).fixations, ())
    assert latest_recipe(library, reading) == DEFAULT_RECIPE


def test_one_eye_s_gaze_is_used_where_the_recipe_says_so(library: Store) -> None:
    samples = gaze()
    samples.rows["right_x"] += 100.0 * ZOOM / SCREEN.width_px
    samples.rows["left_valid"][300:] = False
    reading = read(library, film(library), samples=samples)
    found = {eye: process_reading(library, reading, Recipe(eye)).fixations for eye in ("left", "right", "average", "strict_average")}
    assert np.allclose(found["left"].x_px, LOOKS[:3, 0], atol=1.0)
    assert np.allclose(found["right"].x_px, LOOKS[:, 0] + 100.0, atol=1.0)
    assert np.allclose(found["strict_average"].x_px, LOOKS[:3, 0] + 50.0, atol=1.0)
    assert np.allclose(found["average"].x_px[[0, 1, -1]], LOOKS[[0, 1, 3], 0] + [50.0, 50.0, 100.0], atol=1.0)


def test_a_recipe_file_names_only_what_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text('eye = "left"\ndetector = "adaptive"\n[adaptive]\nminimum_ms = 60\n', encoding="utf-8")
    assert load_recipe(path) == Recipe("left", "adaptive", adaptive=Adaptive(minimum_ms=60.0))
    for text, words in (("eye = 'both'", "eye cannot be"), ("eye = ", "not valid TOML"), ("[ivt]\nspeed = 1", "no setting ivt.speed")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=words):
            load_recipe(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_recipe(tmp_path / "absent.toml")
