"""Which checkpoint to explore: found in the folder of a run or given itself, and the ones used lately."""

from __future__ import annotations

from pathlib import Path

from egma_app.settings import Settings
from egma_core.errors import CheckpointError
from egma_core.training.run import RunFolder

KEPT = 8
"""How many checkpoints are remembered."""


def resolve(folder: Path) -> Path:
    """The checkpoint that a folder stands for: itself, or a run's best, or its latest one.

    Raises:
        CheckpointError: The folder is neither a checkpoint nor a run with one.
    """
    if (folder / "config.json").is_file():
        return folder
    run = RunFolder(folder)
    found = run.pointed("best") or run.pointed("latest")
    if found is None:
        raise CheckpointError(
            f"The folder {folder.name} holds neither a checkpoint nor a run with one.",
            "Choose a run's folder, or one of the folders below its checkpoints.",
        )
    return found


def title_of(checkpoint: Path) -> str:
    """What to call a checkpoint in a list: its run's name and its step, or the folder's own name."""
    if checkpoint.parent.name == "checkpoints":
        return f"{checkpoint.parent.parent.name}, step {checkpoint.name.removeprefix('step_').lstrip('0')}"
    return checkpoint.name


def recent(settings: Settings) -> tuple[Path, ...]:
    """The checkpoints used lately that are still there, newest first."""
    values = settings.values
    named = dict.fromkeys([values.checkpoint, *values.recent_checkpoints.splitlines()])
    return tuple(Path(name) for name in named if name and Path(name).is_dir())


def remember(settings: Settings, checkpoint: Path) -> None:
    """Put a checkpoint in front of the ones used lately."""
    names = dict.fromkeys([str(checkpoint), *settings.values.recent_checkpoints.splitlines()])
    settings.update(checkpoint=str(checkpoint), recent_checkpoints="\n".join(list(names)[:KEPT]))
