"""The interval of looking that belongs to each sentence: people look before they speak."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from egma_core.errors import ConfigError
from egma_core.options import option
from egma_core.speech.sentences import Sentence


@dataclass(frozen=True)
class WindowPolicy:
    """How a sentence's interval is chosen.

    `since_previous`: from the previous sentence's end, at most `limit_s` before its own onset, to its own end.
    `span`: from its onset to its end, as in the EGMA paper. `lead`: from `lead_s` before its onset to its end.

    Source: Bigolin Lanfredi et al. (REFLACX, 2022) for the 5 s before a sentence; Ma et al. (EGMA, 2024) for the span.
    """

    name: str = option("since_previous", "Which looking belongs to a sentence.", choices=("since_previous", "span", "lead"))
    limit_s: float = option(5.0, "since_previous: the longest look before a sentence.", unit="s", low=0.0, high=60.0)
    lead_s: float = option(1.5, "lead: how long before a sentence its look begins.", unit="s", low=0.0, high=60.0)

    def label(self) -> str:
        """The policy's name and the number that it goes by, as every map made with it says: `lead lead_s=1.5`."""
        number = {"since_previous": f" limit_s={self.limit_s:g}", "lead": f" lead_s={self.lead_s:g}"}
        return f"{self.name}{number.get(self.name, '')}"


SINCE_PREVIOUS = WindowPolicy()
"""The default policy."""


def sentence_windows(sentences: Sequence[Sentence], policy: WindowPolicy = SINCE_PREVIOUS) -> list[tuple[float, float]]:
    """(start, end) of each sentence's interval in seconds since the reading's start, in the order given.

    No interval begins before the reading does, nor after its own sentence. The previous sentence is the one with
    the next earlier onset, whatever the order given.

    Raises:
        ConfigError: There is no policy of that name.
    """
    if policy.name not in ("since_previous", "span", "lead"):
        raise ConfigError(f"There is no window policy {policy.name}.", "Choose one of: since_previous, span, lead.")
    windows: list[tuple[float, float]] = [(0.0, 0.0)] * len(sentences)
    previous_end = 0.0
    for index in sorted(range(len(sentences)), key=lambda i: sentences[i].onset_s):
        sentence = sentences[index]
        start = sentence.onset_s
        if policy.name == "since_previous":
            start = min(start, max(previous_end, start - policy.limit_s))
        elif policy.name == "lead":
            start -= policy.lead_s
        windows[index] = (max(0.0, start), sentence.offset_s)
        previous_end = sentence.offset_s
    return windows
