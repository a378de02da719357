"""Overlap with training: whether what is reported on is among what the model, or one it was started from, was trained or validated on.

Patients' pseudonyms and films' SHA-256 can be compared within one library. A film that came into another library, or was never
imported, has other tags, so its decoded pixels are compared as well, where both films have the same size and are at hand.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egma_core.errors import CheckpointError, ConfigError, ImageError, InterchangeError
from egma_core.evaluation.scorers import Progress
from egma_core.examples.manifest import Example, Manifest
from egma_core.inference.films import film_shape, open_film
from egma_core.model.checkpoint import find_checkpoint, read_provenance
from egma_core.model.sealed import file_digest, seal_hash

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class ReportedFilm:
    """A film that figures are to be about.

    Attributes:
        path: Its file.
        patient: The patient's pseudonym, or "" where it is none that manifests use.
        sha256: Hexadecimal SHA-256 of the file, or "" to have it computed.
        shape: (rows, columns), or None to have the file asked.
    """

    path: Path
    patient: str = ""
    sha256: str = ""
    shape: tuple[int, int] | None = None

    @classmethod
    def of(cls, manifest: Manifest, example: Example) -> ReportedFilm:
        """An example's film."""
        return cls(manifest.film_path(example), example.patient, example.sha256, example.image_shape)


@dataclass(frozen=True)
class Ancestry:
    """What a checkpoint's weights have seen.

    Attributes:
        manifests: Those of its run and of the runs that it was started from, as far as they are at hand.
        unknown: In words, what else it saw or may have seen; "" if that is all.
    """

    manifests: tuple[Manifest, ...]
    unknown: str


def ancestry(checkpoint: Path, known: Sequence[Manifest] = ()) -> Ancestry:
    """Follow a checkpoint to what it was trained from, and on through the checkpoints that it was started from.

    Args:
        checkpoint: A checkpoint's own folder.
        known: Manifests at hand; one stands for a run's own where the checkpoint names its hash.
    """
    manifests: list[Manifest] = []
    unknown: list[str] = []
    folder, met = checkpoint, set[Path]()
    while folder.resolve() not in met:
        met.add(folder.resolve())
        which = "the checkpoint" if folder == checkpoint else "a checkpoint that it was started from"
        try:
            provenance = read_provenance(folder)
        except CheckpointError:
            provenance = {}
        manifest = _manifest_of(folder, provenance.get("manifest"), known)
        if manifest is not None:
            manifests.append(manifest)
        elif "imported" in provenance:
            unknown.append(f"what the weights of {which}, which were imported, have seen")
        else:
            unknown.append(f"what {which} was trained on, since its run's manifest.json is not there")
        if not provenance.get("parent") or "imported" in provenance:
            break
        parent = _parent(folder, provenance)
        if parent is None:
            unknown.append(f"what the checkpoint that {'it' if folder == checkpoint else 'that one'} was started from has seen")
            break
        folder = parent
    return Ancestry(tuple(manifests), "; ".join(unknown))


def _manifest_of(checkpoint: Path, stated: object, known: Sequence[Manifest]) -> Manifest | None:
    """The manifest that a checkpoint was trained from: the one beside it, if it is the one it names, or one at hand."""
    file = checkpoint.parent.parent / "manifest.json"
    candidates = list(known)
    if file.is_file():
        try:
            beside = Manifest.load(file)
        except InterchangeError:  # it is damaged: as good as absent
            pass
        else:
            if stated is None:
                return beside
            candidates.append(beside)
    return next((manifest for manifest in candidates if manifest.hash == stated), None)


def _parent(checkpoint: Path, provenance: Mapping[str, Any]) -> Path | None:
    """The checkpoint that another was started from, by the path its run was given then and by its hash, in its run or one beside ours."""
    try:
        # A checkpoint itself names no folders; the run it lies in does.
        settings: dict[str, Any] = tomllib.loads((checkpoint.parent.parent / "config.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        settings = {}
    given = str(settings.get("start_from", ""))
    runs = sorted(checkpoint.parent.parent.parent.glob("*/checkpoints"))
    places = [folder for run in runs for folder in sorted(run.iterdir()) if not folder.name.startswith(".")]
    if given:
        try:
            source = find_checkpoint(Path(given).expanduser())
        except CheckpointError:
            pass
        else:
            # The run may have gone on since, so that its best checkpoint is another now: look through all it has.
            siblings = sorted(source.parent.iterdir()) if source.parent.is_dir() else []
            places = [source, *siblings, *places]
    return next((folder for folder in places if _hash(folder) == provenance["parent"]), None)


def _hash(folder: Path) -> str:
    try:
        return seal_hash(folder)
    except CheckpointError:
        return ""


def overlap_notes(
    seen: Ancestry,
    films: Sequence[ReportedFilm],
    *,
    source: str = "",
    allowed: bool = False,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Compare films with what a checkpoint was trained and validated on.

    Args:
        seen: What that is.
        films: What figures are to be about.
        source: Hash of the manifest that they are from, or "". With that manifest itself they are compared by patient and file
            alone, since its splits are disjoint by construction.
        allowed: Whether an overlap is said in a note instead of refused.
        progress: Called with films opened and films to open, if pixels have to be compared.

    Returns:
        What to say beside the figures: an overlap that was allowed, what was compared, and what could not be.

    Raises:
        ConfigError: There is an overlap, and it is not allowed.
        ImageError: A film cannot be read.
    """
    foreign = [manifest for manifest in seen.manifests if manifest.hash != source]
    learned = [(manifest, e) for manifest in seen.manifests for e in _learned(manifest)]
    by_id = _by_id(films, {e.patient for _, e in learned}, {e.sha256 for _, e in learned}) if learned else set[int]()
    if by_id and not allowed:
        raise _refusal(len(by_id), len(films))
    by_pixels, n_absent = _by_pixels(films, [(manifest, e) for manifest in foreign for e in _learned(manifest)], progress)
    both = by_id | by_pixels
    if both and not allowed:
        raise _refusal(len(both), len(films))
    notes: list[str] = []
    if both:
        notes.append(
            f"OVERLAP WITH TRAINING: {len(both)} of the {len(films)} films reported on, or their patients, are among those that the "
            "model was trained or validated on. The figures are too good, and say little about new films."
        )
    if foreign:
        ways = ("patients' pseudonyms, " if any(film.patient for film in films) else "") + "film files (SHA-256) and pixels"
        found = "" if both else " None is in both."
        absent = f" The pixels of {n_absent} of the latter could not be read." if n_absent else ""
        n = len({e.sha256 for _, e in learned})
        notes.append(
            f"The {len(films)} films reported on were compared with the {n} that the model was trained and validated on, by {ways}."
            f"{found}{absent} A film that was resized, cropped or blanked in between is not recognised."
        )
    if seen.unknown:
        notes.append(f"Not checked for films in common with training: {seen.unknown}.")
    return tuple(notes)


def _learned(manifest: Manifest) -> tuple[Example, ...]:
    return (*manifest.of("train"), *manifest.of("validation"))


def _refusal(n: int, of: int) -> ConfigError:
    return ConfigError(
        f"{n} of the {of} films to report on, or their patients, are among those that the model was trained or validated on, "
        "so figures would be too good.",
        "Report on other films; or give --allow-overlap, and the report will say so.",
    )


def _by_id(films: Sequence[ReportedFilm], patients: set[str], digests: set[str]) -> set[int]:
    """Which films' patients or files are known."""
    return {i for i, film in enumerate(films) if (film.patient and film.patient in patients) or _digest(film) in digests - {""}}


def _digest(film: ReportedFilm) -> str:
    try:
        return film.sha256 or file_digest(film.path)
    except OSError as error:
        raise ImageError(f"{film.path.name} cannot be read: {error.strerror}.", "Check the path.") from error


def _by_pixels(
    films: Sequence[ReportedFilm], learned: Sequence[tuple[Manifest, Example]], progress: Progress | None
) -> tuple[set[int], int]:
    """Which films look exactly like one that was learned from, and how many of those could not be read; only equal sizes are opened."""
    if not learned:
        return set(), 0
    shapes = [film.shape or film_shape(film.path) for film in films]
    common = set(shapes) & {example.image_shape for _, example in learned}
    ours = [i for i, shape in enumerate(shapes) if shape in common]
    theirs = list(dict.fromkeys(manifest.film_path(e) for manifest, e in learned if e.image_shape in common))
    known: set[str] = set()
    absent = 0
    for done, path in enumerate(theirs, 1):
        try:
            known.add(_pixels(path))
        except ImageError:
            absent += 1
        if progress is not None:
            progress(done, len(theirs) + len(ours))
    found: set[int] = set()
    for done, i in enumerate(ours, len(theirs) + 1):
        if _pixels(films[i].path) in known:
            found.add(i)
        if progress is not None:
            progress(done, len(theirs) + len(ours))
    return found, absent


def _pixels(path: Path) -> str:
    """Hexadecimal SHA-256 of a film's first frame as it is stored, before any window."""
    pixels = open_film(path, 0).pixels
    return hashlib.sha256(repr(pixels.shape).encode() + pixels.astype("<u2").tobytes()).hexdigest()
