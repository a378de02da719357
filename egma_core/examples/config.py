"""How examples are varied and batched, declared once for the command line, TOML files and the form."""

from __future__ import annotations

from dataclasses import dataclass

from egma_core.options import option


@dataclass(frozen=True)
class DataConfig:
    """Which examples, and how they are varied."""

    gaze_share: float = option(1.0, "Share of the training patients whose gaze is used; nested and seeded", low=0.0, high=1.0)
    shift: float = option(0.07, "Largest joint shift of film and gaze, as a share of the picture's side", low=0.0, high=0.5)
    brightness: float = option(0.2, "Largest change of brightness and contrast", low=0.0, high=1.0)
    max_sentences: int = option(8, "At most this many sentences of one reading in a batch", low=1, high=64)
