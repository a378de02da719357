"""A run's events as lines for a person who watches a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FIGURES = {"retrieval_mrr": "report finds its film (MRR)", "pointing": "points where the reader looked", "loss": "loss"}


def training_line(event: Mapping[str, Any]) -> str:
    """One line for an event that a person wants to know of, or ""."""
    kind = event["event"]
    if kind == "start":
        going_on = f"going on at step {event['step']} of {event['steps']}" if event["step"] else f"{event['steps']} steps"
        processes = f", {event['processes']} processes" if event["processes"] > 1 else ""
        return (
            f"{going_on[0].upper()}{going_on[1:]}: {event['examples']} examples in {event['batches_per_epoch']} batches a pass, "
            f"{event['validation_examples']} to validate on; gaze of {event['gaze_sentences']} sentences "
            f"of {event['gaze_patients']} patients; {event['weights'] / 1e6:.1f} million weights on {event['device']}"
            f"{processes}, {event['threads']} threads."
        )
    if kind == "damaged":
        return f"{event['what']} Going on from the checkpoint before it."
    if kind == "evaluation":
        figures = ", ".join(f"{words} {event[name]:.3f}" for name, words in FIGURES.items() if name in event)
        return f"Step {event['step']}: {figures}{'; the best so far' if event['best'] else ''}." if figures else ""
    if kind == "stopped":
        return f"Training stopped at step {event['step']} of {event['steps']}; the same command goes on: {event['path']}"
    if kind == "done":
        return f"Training done: {event['steps']} steps in {event['seconds']:.0f} s. Best checkpoint: {event['path']}"
    return ""
