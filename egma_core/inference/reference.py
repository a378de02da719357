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
    manifest = checkpoint.parent.parent / "manifest.json"
    if not manifest.is_file():
        return []
    try:
        examples = Manifest.load(manifest)
    except InterchangeError:
        return []
    paths = dict.fromkeys(examples.film_path(example) for example in examples.of("validation"))
    return [path for path in paths if path.is_file()][:MOST_FILMS]
