"""How examples are varied, controlled and loaded, declared once for the command line, TOML files and the form."""

from __future__ import annotations

from dataclasses import dataclass

from egma_core.options import option


@dataclass(frozen=True)
class DataConfig:
    """Which examples, how they are varied, and how they are brought to the model."""

    gaze_share: float = option(1.0, "Share of the training patients whose gaze is used; nested and seeded", low=0.0, high=1.0)
    gaze_control: str = option(
        "own",
        "Whose gaze a training sentence gets: its own; or, as a control, that of another sentence of the reading; or the whole reading's",
        choices=("own", "shuffled", "report"),
    )
    gaze_fallback: str = option(
        "none",
        "What a training sentence without gaze of its own gets: nothing, or the whole reading's gaze as in the paper's release",
        choices=("none", "report"),
    )
    shift: float = option(0.07, "Largest joint shift of film and gaze, as a share of the picture's side", low=0.0, high=0.5)
    scale: float = option(0.0, "Largest joint change of size of film and gaze, as a share; the picture crops it", low=0.0, high=0.5)
    flip: float = option(0.0, "Share of films mirrored with their gaze; 0 where sentences say left and right", low=0.0, high=1.0)
    brightness: float = option(0.2, "Largest change of brightness and contrast", low=0.0, high=1.0)
    max_sentences: int = option(8, "At most this many sentences of one reading in a batch", low=1, high=64)
    workers: int = option(
        0, "Batches prepared in the background while the model computes, each with a decoder process of its own", low=0, high=64
    )
    memory_mb: int = option(4096, "Most memory for decoded films, so that later passes need not decode them", unit="MB", low=0, high=2**20)
    cache_folder: str = option(
        "", "Folder that keeps decoded films for later passes and runs; it then holds pictures of patients. Empty: memory alone"
    )
