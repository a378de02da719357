"""The films a checkpoint's scores are compared with: those its run was validated on, where they are at hand."""

from __future__ import annotations

from pathlib import Path

from egma_core.errors import InterchangeError
from egma_core.examples.manifest import Manifest

MOST_FILMS = 32


def reference_films(checkpoint: Path) -> list[Path]:
    """Validation films of the run that a checkpoint lies in, at most `MOST_FILMS`; their labels are not looked at.

    Args:
        checkpoint: A checkpoint's own folder, below `checkpoints/` of its run.

    Returns:
        Paths of films that are there; none for a checkpoint that stands alone or whose library is elsewhere.
    """
    return [path for path in validation_films(checkpoint) if path.is_file()][:MOST_FILMS]


def validation_films(checkpoint: Path) -> list[Path]:
    """All validation films of the run that a checkpoint lies in, whether or not they are there; none where no manifest says."""
    manifest = checkpoint.parent.parent / "manifest.json"
    if not manifest.is_file():
        return []
    try:
        examples = Manifest.load(manifest)
    except InterchangeError:
        return []
    return list(dict.fromkeys(examples.film_path(example) for example in examples.of("validation")))


def lacking_films(checkpoint: Path) -> str:
    """In words, what keeps scores from being taken relative to validation films as usual; "" if nothing does."""
    usual = validation_films(checkpoint)
    if not usual:
        return "no manifest with validation films lies in the checkpoint's run"
    absent = sum(not path.is_file() for path in usual[:MOST_FILMS])
    return f"{absent} of the {min(MOST_FILMS, len(usual))} validation films that the run's manifest names are not there" if absent else ""
