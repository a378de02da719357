"""Readings of phantom films by simulated readers, without a library: the recorder's stream, placed and mapped in memory.

The eye tracker, the clock, the placing of gaze, the fixations and the maps are those of a recorded reading; only the
library is left out, since a study needs thousands of readings and keeps none. What comes out is what recording,
processing and exporting the same reading gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from egma_core.alignment.maps import SentenceGazeMap, sentence_gaze_maps
from egma_core.examples.manifest import Example, ExampleSentence, GazeComponents
from egma_core.examples.splits import Split
from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.viewport import gaze_on_image
from egma_core.processing import Recipe
from egma_core.recording.clock import SimulatedClock
from egma_core.speech.sentences import Sentence
from egma_core.synthetic.anatomy import SIDE
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.phantoms import film_name, instance_uid, patient_id
from egma_core.synthetic.phrases import ReaderName
from egma_core.synthetic.reader import ReaderModel, read_film
from egma_core.synthetic.sitting import SCREEN, targets_of, viewports_of
from egma_core.trackers.simulated import SimulatedTracker

PAUSE_S = 1.0
"""Between the opening of a sitting and its reading."""

RECIPE = Recipe()
"""Fixations and maps are made by the program's own defaults."""


def simulate_reading(
    phantom: Phantom, reader: ReaderName, model: ReaderModel, *, seed: int, tracker_seed: int, rate_hz: float
) -> tuple[ExampleSentence, ...]:
    """Let a simulated reader read one film before a simulated eye tracker; return the sentences with their gaze.

    Args:
        phantom: The film.
        reader: Whose phrases are used.
        model: How the reader looks and speaks.
        seed: Another seed is another reading of the same film.
        tracker_seed: Picks the eyes, with their offset and noise.
        rate_hz: Samples per second.
    """
    clock = SimulatedClock()
    tracker = SimulatedTracker(clock.now_ns, SCREEN, rate_hz=rate_hz, seed=tracker_seed)
    script = read_film(phantom, reader, seed=seed, model=model)
    clock.wait_until(round(PAUSE_S * 1e9))
    started_ns = clock.now_ns()
    uid = instance_uid(phantom)
    viewports = viewports_of(phantom, script, uid, started_ns, seed=seed)
    tracker.look_at(targets_of(script, viewports, started_ns))
    tracker.start()
    clock.wait_until(started_ns + round(script.duration_s * 1e9))
    tracker.stop()
    shapes = {uid: (SIDE, SIDE)}
    placed = gaze_on_image(
        tracker.drain(), viewports, SCREEN, started_ns=started_ns, eye="average", image_shapes=shapes, ended_ns=clock.now_ns()
    )
    sentences = [_on_clock(statement.sentence) for statement in script.statements]
    fixations = detect_fixations(placed, RECIPE.filter)
    maps = sentence_gaze_maps(fixations, sentences, viewports, shapes, windows=RECIPE.windows, sigma_deg=RECIPE.sigma_deg)
    return tuple(ExampleSentence(m.sentence.text, m.sentence.origin, _components(m)) for m in maps)


def read_phantoms(
    phantoms: Iterable[tuple[Phantom, Split]],
    digests: Callable[[Path], str],
    films: Path,
    model: ReaderModel,
    *,
    seed: int,
    rate_hz: float,
) -> list[Example]:
    """Examples of phantoms: reader A reads the training films, reader B, who phrases everything differently, the others.

    Every film is read in a sitting of its own, so that the tracker's offset varies from film to film.

    Args:
        phantoms: The films with their splits.
        digests: The hexadecimal SHA-256 of a film's file.
        films: The films' folder.
        model: How the readers of the training films look and speak; the others are read by the usual reader.
        seed: Seed of the readings.
        rate_hz: Samples per second of the simulated tracker.
    """
    examples: list[Example] = []
    for phantom, split in phantoms:
        reader: ReaderName = "A" if split == "train" else "B"
        how = model if split == "train" else ReaderModel()
        sentences = simulate_reading(phantom, reader, how, seed=seed, tracker_seed=phantom.seed, rate_hz=rate_hz)
        name = film_name(phantom)
        examples.append(
            Example(
                id=patient_id(phantom),
                patient=patient_id(phantom),
                reader=f"reader-{reader}",
                film=name,
                sha256=digests(films / name),
                image_shape=(SIDE, SIDE),
                labels=tuple(sorted(phantom.labels)),
                split=split,
                gaze_origin="simulated" if any(s.gaze is not None for s in sentences) else "",
                sentences=sentences,
            )
        )
    return examples


def _on_clock(sentence: Sentence) -> Sentence:
    """The sentence as a recording times it: in whole nanoseconds."""
    onset_s, offset_s = (round(t * 1e9) / 1e9 for t in (sentence.onset_s, sentence.offset_s))
    return Sentence(sentence.text, onset_s, offset_s, sentence.origin)


def _components(gaze_map: SentenceGazeMap) -> GazeComponents | None:
    if not gaze_map.gaze_valid:
        return None
    return GazeComponents(gaze_map.x_px, gaze_map.y_px, gaze_map.sigma_px, gaze_map.weight_s, gaze_map.visible)
