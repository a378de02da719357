"""Prompt sets: for each class, the sentences that stand for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PromptSet:
    """Classes and their prompts, in order.

    Attributes:
        name: The set's name.
        prompts: Class name to its one or more sentences.
    """

    name: str
    prompts: dict[str, tuple[str, ...]]
