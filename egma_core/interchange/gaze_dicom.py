"""A reading's gaze as DICOM objects: each film with its heat map for people, and one map a sentence for machines."""

from __future__ import annotations

from pathlib import Path

from egma_core.alignment.maps import SentenceGazeMap, density, sentence_gaze_maps
from egma_core.alignment.windows import WindowPolicy
from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image
from egma_core.errors import InterchangeError, MissingExtraError
from egma_core.files import disk_in_words
from egma_core.interchange.release import reading_passages, require_consent, require_innocent
from egma_core.overlay.maps import heat_map_rgba
from egma_core.overlay.picture import compose, titled
from egma_core.speech.sentences import Sentence
from egma_core.store.store import Store
from egma_core.store.values import Derivation, InstanceEntry

MARK = "EGMA: where a reader looked. Research use only, not for diagnosis."
_TITLE = "EGMA reader's gaze"


def export_gaze(store: Store, reading_id: int, folder: str | Path, *, allow_text: bool = False) -> tuple[Path, ...]:
    """Write the gaze of a processed reading: for each film that was looked at, a Secondary Capture and a Segmentation.

    The Segmentation's first segment is the whole reading; one follows for each sentence that gaze supports.

    Args:
        store: The library.
        reading_id: The reading.
        folder: Where the files go; made if need be.
        allow_text: Whether sentences go along that may tell who somebody is; for when a person has looked at them.

    Returns:
        The files, by film.

    Raises:
        PrivacyError: A sentence may tell who somebody is, or the reader did not agree.
        InterchangeError: The reading was not processed or holds no gaze on any film, or a file cannot be written.
        MissingExtraError: highdicom is not installed.
        ImageError: A film cannot be read, or is of several frames.
        StoreError: There is no such reading.
    """
    try:
        from egma_core.dicom.exports.secondary_capture import write_secondary_capture
        from egma_core.dicom.exports.segmentation import FilmMap, write_segmentation
    except ImportError as error:
        raise MissingExtraError("Writing gaze as DICOM", "dicom-out") from error
    entry = store.reading(reading_id)
    derivation = store.derivation(reading_id)
    if derivation is None:
        raise InterchangeError(f"Reading {reading_id} was not processed.", "Process it first: egma process")
    require_consent(store, entry.reader, ("gaze",))
    if not allow_text:
        require_innocent(reading_passages(reading_id, [one.sentence for one in derivation.maps]))
    films = {film.instance_uid: film for film in store.study(entry.study.study_id).instances}
    written: list[Path] = []
    with disk_in_words(InterchangeError, f"The folder {folder} cannot be made"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    for whole in _whole_reading(store, derivation, films):
        film = films[whole.instance_uid]
        shape = (film.rows, film.columns)
        heat = density(whole, shape)
        picture = titled(compose(render(read_image(film.path)), heat_map_rgba(heat)), MARK)
        maps = [FilmMap("gaze", "whole reading", heat)]
        spoken = [m for m in derivation.maps if m.instance_uid == film.instance_uid and m.gaze_valid]
        maps += [FilmMap("gaze", one.sentence.text, density(one, shape)) for one in spoken]
        written.append(write_secondary_capture(folder, film.path, picture, title=_TITLE).path)
        written.append(write_segmentation(folder, film.path, maps, title=_TITLE).path)
    if not written:
        raise InterchangeError(f"Reading {reading_id} holds no gaze on a film.", "Choose another reading.")
    return tuple(written)


def _whole_reading(store: Store, derivation: Derivation, films: dict[str, InstanceEntry]) -> tuple[SentenceGazeMap, ...]:
    """The map of all fixations on each film that has any."""
    end = float(derivation.fixations.offset_s.max(initial=0.0))
    maps = sentence_gaze_maps(
        derivation.fixations,
        [Sentence("", 0.0, end, "typed")],
        store.viewports(derivation.reading_id),
        {uid: (film.rows, film.columns) for uid, film in films.items()},
        windows=WindowPolicy(name="span"),
        sigma_deg=float(derivation.recipe["sigma_deg"]),
        accuracy_deg=derivation.inputs.get("accuracy_deg"),
    )
    return tuple(found for found in maps if found.gaze_valid)
