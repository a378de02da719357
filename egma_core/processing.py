"""From what was recorded to what is trained on: gaze placed on films, fixations, and one gaze map a sentence.

Raw rows are only read; what comes out is stored beside them under the recipe that made it, together with what else of the
reading went into it (`ReadingInputs`), and can be deleted and rebuilt at will.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from egma_core.alignment.maps import sentence_gaze_maps
from egma_core.alignment.windows import WindowPolicy
from egma_core.errors import ConfigError, EgmaError
from egma_core.gaze.detectors import IDT, IVT, Adaptive, Detector
from egma_core.gaze.fixations import detect_fixations
from egma_core.gaze.samples import Eye
from egma_core.gaze.viewport import PlacedGaze, Viewport, gaze_on_image
from egma_core.options import from_mapping, group, option, to_mapping
from egma_core.store.store import Store, recipe_hash
from egma_core.store.values import Derivation, ReadingEntry

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ALGORITHM = 2
"""Raised whenever the code would make something else of the same raw rows and the same settings."""


@dataclass(frozen=True)
class Recipe:
    """Every setting between raw rows and sentence gaze maps."""

    eye: str = option(
        "average",
        "Whose gaze counts; average takes the one valid eye where only one is, strict_average neither.",
        choices=("average", "strict_average", "left", "right"),
    )
    detector: str = option(
        "ivt", "The fixation filter: by velocity, by dispersion, or by its own noise.", choices=("ivt", "idt", "adaptive")
    )
    ivt: IVT = group(IVT, "ivt: velocity below a threshold; Tobii's defaults.")
    idt: IDT = group(IDT, "idt: samples within a small box.")
    adaptive: Adaptive = group(Adaptive, "adaptive: velocity against the recording's own noise, for noisy trackers.")
    windows: WindowPolicy = group(WindowPolicy, "Which looking belongs to a sentence.")
    sigma_deg: float = option(
        1.0,
        "Least width of a look in a gaze map: one standard deviation; the reading's accuracy where worse.",
        unit="deg",
        low=0.05,
        high=10.0,
    )

    @property
    def filter(self) -> Detector:
        """The fixation filter that `detector` names, with its options."""
        return {"ivt": self.ivt, "idt": self.idt, "adaptive": self.adaptive}[self.detector]

    def record(self) -> dict[str, Any]:
        """The settings in force as plain values, with the version of the algorithm: what a derivation is stored under.

        Options of filters that were not chosen are left out, so that they make no recipe different.
        """
        settings = to_mapping(self)
        chosen = {"name": self.detector, **settings[self.detector]}
        others = {"detector", "ivt", "idt", "adaptive"}
        return {"algorithm": ALGORITHM, "detector": chosen, **{name: value for name, value in settings.items() if name not in others}}


DEFAULT_RECIPE = Recipe()


def load_recipe(path: Path) -> Recipe:
    """Read a recipe from a TOML file; settings that it does not name keep their defaults.

    Raises:
        ConfigError: The file cannot be read, is not TOML, or a setting is unknown or out of range.
    """
    try:
        return from_mapping(Recipe, tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The recipe {path} cannot be read.", "Check the file's name and that you may read it.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The recipe {path} is not valid TOML: {error}.", "Mend that line; the file must be UTF-8.") from error


@dataclass(frozen=True)
class ReadingInputs:
    """What of a reading, beside its raw rows and the recipe, decides what is made of it.

    Attributes:
        accuracy_deg: Validated accuracy in degrees of the recipe's eye; None where it was not validated.
        correction: (dx, dy), fractions of the display, added to its gaze: the drift correction in force at its start.
        revision: Row id of the revision of its text that counts; None where that was never revised.
    """

    accuracy_deg: float | None = None
    correction: tuple[float, float] = (0.0, 0.0)
    revision: int | None = None

    @classmethod
    def of(cls, store: Store, reading_id: int, eye: str) -> ReadingInputs:
        """As the library has them now."""
        return cls(store.accuracy_deg(reading_id, eye), store.correction(reading_id), store.revision_id(reading_id))

    def record(self) -> dict[str, Any]:
        """As plain values, without what is not there: what a derivation keeps."""
        found = {"accuracy_deg": self.accuracy_deg, "correction": list(self.correction), "revision": self.revision}
        nothing = (None, [0.0, 0.0])
        return {name: value for name, value in found.items() if value not in nothing}


def is_current(store: Store, derivation: Derivation) -> bool:
    """Whether the reading's accuracy, correction and text are still those that the derivation was made with."""
    eye = str(derivation.recipe.get("eye", DEFAULT_RECIPE.eye))
    return derivation.inputs == ReadingInputs.of(store, derivation.reading_id, eye).record()


def latest_recipe(store: Store, reading_id: int) -> Recipe:
    """The recipe that was applied to a reading last; the default one where none was, or only by another version's algorithm.

    Raises:
        StoreError: There is no such reading.
    """
    derivation = store.derivation(reading_id)
    if derivation is None or derivation.recipe.get("algorithm") != ALGORITHM:
        return DEFAULT_RECIPE
    detector = dict(derivation.recipe["detector"])
    name = detector.pop("name")
    others = {key: value for key, value in derivation.recipe.items() if key not in ("algorithm", "detector")}
    return from_mapping(Recipe, {**others, "detector": name, name: detector})


@dataclass(frozen=True)
class Refusal:
    """A reading that could not be processed, and why."""

    reading_id: int
    reason: str


@dataclass(frozen=True)
class ProcessingReport:
    """What `process_all` did.

    Attributes:
        processed: Ids of the readings that were processed.
        already_there: Ids of the readings that the recipe had been applied to before, with the same inputs.
        refused: Readings that could not be processed.
    """

    processed: tuple[int, ...]
    already_there: tuple[int, ...]
    refused: tuple[Refusal, ...]


def place_reading(store: Store, reading_id: int, recipe: Recipe = DEFAULT_RECIPE) -> PlacedGaze:
    """Place a reading's raw gaze, corrected for drift, on its films, as `process_reading` does.

    Raises:
        StoreError: There is no such reading, or its raw rows are damaged.
    """
    viewports = store.viewports(reading_id)
    return _placed(store, store.reading(reading_id), viewports, _shapes(store, viewports), recipe, store.correction(reading_id))


def process_reading(store: Store, reading_id: int, recipe: Recipe = DEFAULT_RECIPE) -> Derivation:
    """Derive a reading's fixations and sentence gaze maps and store them.

    Gaze is placed with the drift correction in force at the reading's start; a look is as wide in a map as the recipe says,
    or as the validated accuracy of the recipe's eye where that is worse; maps are of the newest revision of the text. The
    same raw rows, recipe and inputs give the same result, which takes the place of an earlier one of that recipe.

    Args:
        store: The library.
        reading_id: The reading.
        recipe: The settings.

    Raises:
        StoreError: There is no such reading, its raw rows are damaged, or the result cannot be stored.
    """
    return _process(store, store.reading(reading_id), recipe, ReadingInputs.of(store, reading_id, recipe.eye))


def process_all(store: Store, recipe: Recipe = DEFAULT_RECIPE, progress: Callable[[int, int], None] | None = None) -> ProcessingReport:
    """Process every complete or recovered reading that the recipe was not yet applied to, or whose inputs changed since.

    A reading whose raw rows are damaged is refused and does not keep the others from being processed.

    Args:
        store: The library.
        recipe: The settings.
        progress: Called with (done, of how many) after each reading.

    Raises:
        StoreError: The library's readings cannot be listed.
    """
    made_with = store.derivation_inputs(recipe_hash(recipe.record()))
    readings = store.readings(states=("complete", "recovered"))
    processed: list[int] = []
    already: list[int] = []
    refused: list[Refusal] = []
    for done, reading in enumerate(readings, start=1):
        try:
            inputs = ReadingInputs.of(store, reading.id, recipe.eye)
            if made_with.get(reading.id) == inputs.record():
                already.append(reading.id)
            else:
                _process(store, reading, recipe, inputs)
                processed.append(reading.id)
        except EgmaError as error:
            refused.append(Refusal(reading.id, str(error)))
        if progress:
            progress(done, len(readings))
    return ProcessingReport(tuple(processed), tuple(already), tuple(refused))


def _process(store: Store, reading: ReadingEntry, recipe: Recipe, inputs: ReadingInputs) -> Derivation:
    viewports = store.viewports(reading.id)
    shapes = _shapes(store, viewports)
    fixations = detect_fixations(_placed(store, reading, viewports, shapes, recipe, inputs.correction), recipe.filter)
    sentences = [replace(sentence, words=()) for sentence in store.sentences(reading.id)]  # maps do not keep word times
    maps = sentence_gaze_maps(
        fixations, sentences, viewports, shapes, windows=recipe.windows, sigma_deg=recipe.sigma_deg, accuracy_deg=inputs.accuracy_deg
    )
    record, made_with = recipe.record(), inputs.record()
    changes = store.save_derivation(reading.id, record, fixations, maps, made_with)
    assert changes.id is not None
    return Derivation(changes.id, reading.id, record, recipe_hash(record), fixations, maps, reading.gaze_origin, made_with)


def _shapes(store: Store, viewports: Sequence[Viewport]) -> dict[str, tuple[int, int]]:
    """(rows, columns) of every film shown, in the order they were first shown."""
    shown = dict.fromkeys(v.instance_uid for v in viewports if v.instance_uid)
    films = {uid: store.instance(uid) for uid in shown}
    return {uid: (film.rows, film.columns) for uid, film in films.items()}


def _placed(
    store: Store,
    reading: ReadingEntry,
    viewports: Sequence[Viewport],
    shapes: Mapping[str, tuple[int, int]],
    recipe: Recipe,
    correction: tuple[float, float],
) -> PlacedGaze:
    return gaze_on_image(
        store.gaze(reading.id).shifted(*correction),
        viewports,
        reading.screen,
        started_ns=reading.started_ns,
        eye=cast(Eye, recipe.eye),
        image_shapes=shapes,
        ended_ns=reading.ended_ns,
    )
