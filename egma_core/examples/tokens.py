"""Sentences tokenised once, and padded to a few lengths, so that the text encoder sees the same shapes again and again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from egma_core.model.tokens import TokenBatch, Tokenizer

LENGTH_STEP = 8
"""Batches of sentences are padded to a multiple of this many tokens."""

_MORE_THAN_ANY_LIMIT = 1024


class TokenCache:
    """Token ids by sentence. Any thread may ask.

    The lengths of sentences decide nothing but padding. Batches are not made of reports of like length, though that would
    pad less: the reports of a batch are each other's negatives, and among reports of one length, length tells none apart,
    while in the evaluation it does. So batches stay random, and all their sentences are padded to the longest, rounded up
    to a multiple of `LENGTH_STEP`: at most seven tokens a sentence more, for a handful of shapes in all. A pretrained text
    model may sort the sentences of a batch among themselves (`model.text.by_length`), which makes no such difference.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        """Take the model's tokenizer."""
        self._tokenizer = tokenizer
        self._rows: dict[str, NDArray[np.int64]] = {}
        # What the tokenizer promises of padding is all there is to know of it: padding and limit show in a short and an endless sentence.
        probe = tokenizer.encode(["a", "a " * _MORE_THAN_ANY_LIMIT])
        self._limit, self._pad = probe.ids.shape[1], int(probe.ids[0, -1])
        self._always_full = tokenizer.encode(["a"]).ids.shape[1] == self._limit

    def batch(self, sentences: Sequence[str]) -> TokenBatch:
        """Tokens of at least one sentence, on the CPU, as `Tokenizer.encode` gives them but for the length of the padding.

        Raises:
            ConfigError: There is no sentence, or one has no word.
        """
        unseen = list(dict.fromkeys(s for s in sentences if s not in self._rows))
        if unseen or not sentences:
            encoded = self._tokenizer.encode(unseen)
            for sentence, ids, mask in zip(unseen, encoded.ids.numpy(), encoded.mask.numpy(), strict=True):
                self._rows[sentence] = ids[mask]
        rows = [self._rows[sentence] for sentence in sentences]
        lengths = np.array([len(row) for row in rows])
        length = self._limit if self._always_full else min(self._limit, -(-int(lengths.max()) // LENGTH_STEP) * LENGTH_STEP)
        mask = np.arange(length) < lengths[:, None]
        ids = np.full((len(rows), length), self._pad, dtype=np.int64)
        ids[mask] = np.concatenate(rows)
        return TokenBatch(torch.from_numpy(ids), torch.from_numpy(mask))
