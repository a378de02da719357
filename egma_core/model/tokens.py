"""Sentences as token ids: a word vocabulary of our own, and an adapter for the tokenizers of pretrained text models.

Both are one JSON file, and both give the same `TokenBatch`; nothing else in the program knows which of them is in use.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor

from egma_core.errors import ConfigError, MissingExtraError
from egma_core.model.config import TextConfig
from egma_core.model.sources import missing_source
from egma_core.speech.sentences import normalise_sentence

PAD, UNKNOWN = 0, 1
WORD_FORMAT = "egma-words"


@dataclass(frozen=True)
class TokenBatch:
    """Tokenised sentences.

    Attributes:
        ids: (S, L) int64 token ids; padded on the right.
        mask: (S, L) bool; True where there is a token.
    """

    ids: Tensor
    mask: Tensor

    def __len__(self) -> int:
        """How many sentences there are."""
        return self.ids.shape[0]

    def to(self, device: torch.device | str) -> TokenBatch:
        """The same batch on a device."""
        return TokenBatch(self.ids.to(device), self.mask.to(device))


class Tokenizer(Protocol):
    """What the model and the loader ask of a tokenizer."""

    @property
    def size(self) -> int:
        """How many different ids there are."""
        ...

    @property
    def special(self) -> tuple[int, ...]:
        """Ids of the tokens put around every sentence, which stand for no word of it."""
        ...

    def encode(self, sentences: Sequence[str]) -> TokenBatch:
        """Tokenise at least one sentence; what is longer than the configuration allows is cut off.

        Padding reaches to the longest sentence, or with `legacy_unmasked` pooling to the longest allowed, so that a
        sentence's embedding does not depend on its neighbours.

        Raises:
            ConfigError: There is no sentence, or one has no word.
        """
        ...

    def to_json(self) -> str:
        """Everything needed to build it again with `read_tokenizer`."""
        ...


class WordTokenizer:
    """One id a word or run of punctuation, after the project's one way of normalising sentences."""

    def __init__(self, words: Sequence[str], config: TextConfig) -> None:
        """Take the vocabulary and the limits of the text encoder; ids follow its order, after padding and the unknown word.

        Raises:
            ConfigError: A word is there twice or is empty.
        """
        self.words = tuple(words)
        self._config = config
        self._ids = {word: i for i, word in enumerate(self.words, start=UNKNOWN + 1)}
        if len(self._ids) != len(self.words) or "" in self._ids:
            raise ConfigError("A vocabulary holds an empty word or the same word twice.", "Build it with WordTokenizer.build.")

    special: tuple[int, ...] = ()

    @classmethod
    def build(cls, sentences: Iterable[str], config: TextConfig, *, at_least: int = 1) -> WordTokenizer:
        """A vocabulary of every word that occurs `at_least` times in the sentences, in alphabetical order."""
        counts = Counter(word for sentence in sentences for word in normalise_sentence(sentence).split())
        return cls(sorted(word for word, n in counts.items() if n >= at_least), config)

    @classmethod
    def build_shared(cls, reports: Iterable[tuple[str, str]], config: TextConfig, *, patients: int = 2) -> WordTokenizer:
        """A vocabulary of every word that was said of at least so many patients, in alphabetical order.

        What was said of one patient alone may be a name, and a vocabulary is passed on with its model. Those words also
        are what the unknown word is trained by.

        Args:
            reports: Pairs of a patient's pseudonym and a sentence.
            config: The limits of the text encoder.
            patients: How many.
        """
        said_of: dict[str, set[str]] = {}
        for patient, sentence in reports:
            for word in normalise_sentence(sentence).split():
                said_of.setdefault(word, set()).add(patient)
        return cls(sorted(word for word, whose in said_of.items() if len(whose) >= patients), config)

    @property
    def size(self) -> int:
        """How many different ids there are, padding and the unknown word included."""
        return len(self.words) + UNKNOWN + 1

    def encode(self, sentences: Sequence[str]) -> TokenBatch:
        """Tokenise sentences; words outside the vocabulary share one id. See `Tokenizer.encode`."""
        rows = [
            [self._ids.get(word, UNKNOWN) for word in normalise_sentence(sentence).split()][: self._config.max_tokens]
            for sentence in sentences
        ]
        _check_words(rows)
        return _padded(rows, PAD, self._config)

    def to_json(self) -> str:
        """The vocabulary as a JSON object."""
        return json.dumps({"format": WORD_FORMAT, "words": list(self.words)}, ensure_ascii=False, indent=0)


class PretrainedTokenizer:
    """A tokenizer in the `tokenizer.json` form of the tokenizers library, as pretrained text models bring it."""

    def __init__(self, text: str, config: TextConfig) -> None:
        """Take the contents of a `tokenizer.json` and the limits of the text encoder.

        Raises:
            MissingExtraError: tokenizers is not installed.
        """
        try:
            from tokenizers import Tokenizer as Backend
        except ImportError as error:
            raise MissingExtraError("A pretrained text model's tokenizer", "train") from error
        self._backend = Backend.from_str(text)
        self._backend.no_padding()
        self._backend.enable_truncation(config.max_tokens)
        self._config = config
        self._pad = next((i for token in ("[PAD]", "<pad>") if (i := self._backend.token_to_id(token)) is not None), 0)
        probe = self._backend.encode("a")
        self.special = tuple(sorted({i for i, is_special in zip(probe.ids, probe.special_tokens_mask, strict=True) if is_special}))

    @classmethod
    def of(cls, config: TextConfig) -> PretrainedTokenizer:
        """The tokenizer that belongs to the text model at `config.source`: a local folder or a hub name in this machine's cache.

        Raises:
            ConfigError: It is not on this machine, or has no `tokenizer.json` form.
            MissingExtraError: transformers is not installed.
        """
        try:
            from transformers import AutoTokenizer
        except ImportError as error:
            raise MissingExtraError("A pretrained text model", "train") from error
        try:
            tokenizer = AutoTokenizer.from_pretrained(config.source, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError) as error:
            raise missing_source(config.source, "text") from error
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ConfigError(f"The tokenizer of {config.source} has no tokenizer.json form.", "Choose a text model with a fast tokenizer.")
        return cls(backend.to_str(), config)

    @property
    def size(self) -> int:
        """How many different ids there are."""
        return self._backend.get_vocab_size()

    def encode(self, sentences: Sequence[str]) -> TokenBatch:
        """Tokenise normalised sentences, with the text model's own special tokens. See `Tokenizer.encode`."""
        texts = [normalise_sentence(sentence) for sentence in sentences]
        _check_words([text.split() for text in texts])
        rows = [encoding.ids for encoding in self._backend.encode_batch(texts)]
        return _padded(rows, self._pad, self._config)

    def to_json(self) -> str:
        """The `tokenizer.json`."""
        return self._backend.to_str()


def build_tokenizer(config: TextConfig, reports: Iterable[tuple[str, str]]) -> Tokenizer:
    """The tokenizer of a configured text model: its own where it is pretrained, else the words that training patients share.

    Args:
        config: The text model.
        reports: Pairs of a patient's pseudonym and a sentence, of the training split alone; see `WordTokenizer.build_shared`.

    Raises:
        ConfigError: The pretrained one is not on this machine.
        MissingExtraError: It needs transformers, and that is not installed.
    """
    if config.kind == "transformers" and config.source:
        return PretrainedTokenizer.of(config)
    return WordTokenizer.build_shared(reports, config)


def read_tokenizer(path: Path, config: TextConfig) -> Tokenizer:
    """Read either kind of tokenizer from its JSON file.

    Raises:
        ConfigError: The file is missing or holds no tokenizer.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except (OSError, ValueError) as error:
        raise ConfigError(f"The tokenizer {path.name} cannot be read.", "Take the checkpoint's folder as a whole.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path.name} holds no tokenizer.", "Take the checkpoint's folder as a whole.")
    fields = cast(dict[str, Any], content)
    if isinstance(fields.get("model"), dict):
        return PretrainedTokenizer(text, config)
    words = fields.get("words")
    if (
        fields.get("format") != WORD_FORMAT
        or not isinstance(words, list)
        or not all(isinstance(word, str) for word in cast(list[Any], words))
    ):
        raise ConfigError(f"{path.name} holds no list of words.", "Take the checkpoint's folder as a whole.")
    return WordTokenizer(cast(list[str], words), config)


def report_keys(tokens: TokenBatch, counts: Tensor | Sequence[int]) -> Tensor:
    """(B,) int64: one number a report, the same for reports of identical sentences in identical order, on any machine.

    Args:
        tokens: S sentences, film by film.
        counts: B sentence counts that add up to S.
    """
    lengths, keys, start = tokens.mask.sum(dim=1).tolist(), list[int](), 0
    ids = tokens.ids.tolist()
    for count in torch.as_tensor(counts).tolist():
        report = [ids[s][: lengths[s]] for s in range(start, start + count)]
        keys.append(int.from_bytes(blake2b(repr(report).encode(), digest_size=8).digest(), "little", signed=True))
        start += count
    return torch.tensor(keys, dtype=torch.int64, device=tokens.ids.device)


def _check_words(rows: Sequence[Sequence[object]]) -> None:
    if not rows:
        raise ConfigError("There is no sentence to encode.", "Give at least one.")
    empty = next((i for i, row in enumerate(rows) if not row), None)
    if empty is not None:
        raise ConfigError(f"Sentence {empty + 1} has no word that can be read.", "Write it out in letters, or leave it out.")


def _padded(rows: Sequence[Sequence[int]], pad: int, config: TextConfig) -> TokenBatch:
    length = config.max_tokens if config.pooling == "legacy_unmasked" else max(map(len, rows))
    ids = torch.full((len(rows), length), pad, dtype=torch.int64)
    mask = torch.zeros((len(rows), length), dtype=torch.bool)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.int64)
        mask[i, : len(row)] = True
    return TokenBatch(ids, mask)
