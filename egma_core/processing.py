"""From what was recorded to what is trained on: gaze placed on films, fixations, and one gaze map a sentence.

Raw rows are only read; what comes out is stored beside them under the recipe that made it, and can be deleted and
rebuilt at will.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
class Refusal:
    """A reading that could not be processed, and why."""

    reading_id: int
    reason: str


@dataclass(frozen=True)
class ProcessingReport:
    """What `process_all` did.

    Attributes:
        processed: Ids of the readings that were processed.
        already_there: Ids of the readings that the recipe had been applied to before.
        refused: Readings that could not be processed.
    """

    processed: tuple[int, ...]
    already_there: tuple[int, ...]
    refused: tuple[Refusal, ...]


def place_reading(store: Store, reading_id: int, recipe: Recipe = DEFAULT_RECIPE) -> PlacedGaze:
    """Place a reading's raw gaze on its films, as `process_reading` does.

    Raises:
        StoreError: There is no such reading, or its raw rows are damaged.
    """
    viewports = store.viewports(reading_id)
    return _placed(store, store.reading(reading_id), viewports, _shapes(store, viewports), recipe)


def process_reading(store: Store, reading_id: int, recipe: Recipe = DEFAULT_RECIPE, *, accuracy_deg: float | None = None) -> Derivation:
    """Derive a reading's fixations and sentence gaze maps and store them.

    The same raw rows and recipe give the same result, which takes the place of an earlier one.

    Args:
        store: The library.
        reading_id: The reading.
        recipe: The settings.
        accuracy_deg: The reading's validated accuracy in degrees; where it is worse than the recipe's `sigma_deg`, looks
            are that wide in its maps.

    Raises:
        StoreError: There is no such reading, its raw rows are damaged, or the result cannot be stored.
    """
    return _process(store, store.reading(reading_id), recipe, accuracy_deg)


def process_all(
    store: Store,
    recipe: Recipe = DEFAULT_RECIPE,
    progress: Callable[[int, int], None] | None = None,
    *,
    accuracy_deg: Callable[[ReadingEntry], float | None] | None = None,
) -> ProcessingReport:
    """Process every complete or recovered reading that the recipe was not yet applied to.

    A reading whose raw rows are damaged is refused and does not keep the others from being processed.

    Args:
        store: The library.
        recipe: The settings.
        progress: Called with (done, of how many) after each reading.
        accuracy_deg: Says the validated accuracy of a reading in degrees, or None where it was not validated.

    Raises:
        StoreError: The library's readings cannot be listed.
    """
    digest = recipe_hash(recipe.record())
    readings = store.readings(states=("complete", "recovered"))
    processed: list[int] = []
    already: list[int] = []
    refused: list[Refusal] = []
    for done, reading in enumerate(readings, start=1):
        try:
            if store.derivation(reading.id, digest) is None:
                _process(store, reading, recipe, accuracy_deg(reading) if accuracy_deg else None)
                processed.append(reading.id)
            else:
                already.append(reading.id)
        except EgmaError as error:
            refused.append(Refusal(reading.id, str(error)))
        if progress:
            progress(done, len(readings))
    return ProcessingReport(tuple(processed), tuple(already), tuple(refused))


def _process(store: Store, reading: ReadingEntry, recipe: Recipe, accuracy_deg: float | None) -> Derivation:
    viewports = store.viewports(reading.id)
    shapes = _shapes(store, viewports)
    fixations = detect_fixations(_placed(store, reading, viewports, shapes, recipe), recipe.filter)
    sentences = store.sentences(reading.id)
    maps = sentence_gaze_maps(
        fixations, sentences, viewports, shapes, windows=recipe.windows, sigma_deg=recipe.sigma_deg, accuracy_deg=accuracy_deg
    )
    record = recipe.record()
    changes = store.save_derivation(reading.id, record, fixations, maps)
    assert changes.id is not None
    return Derivation(changes.id, reading.id, record, recipe_hash(record), fixations, maps, reading.gaze_origin)


def _shapes(store: Store, viewports: Sequence[Viewport]) -> dict[str, tuple[int, int]]:
    """(rows, columns) of every film shown, in the order they were first shown."""
    shown = dict.fromkeys(v.instance_uid for v in viewports if v.instance_uid)
    films = {uid: store.instance(uid) for uid in shown}
    return {uid: (film.rows, film.columns) for uid, film in films.items()}


def _placed(
    store: Store, reading: ReadingEntry, viewports: Sequence[Viewport], shapes: Mapping[str, tuple[int, int]], recipe: Recipe
) -> PlacedGaze:
    return gaze_on_image(
        store.gaze(reading.id),
        viewports,
        reading.screen,
        started_ns=reading.started_ns,
        eye=cast(Eye, recipe.eye),
        image_shapes=shapes,
        ended_ns=reading.ended_ns,
    )
