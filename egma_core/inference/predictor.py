"""`Predictor`: zero-shot scores and similarity maps of films, from a checkpoint and any sentences."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from egma_core.alignment.patches import PatchGrid
from egma_core.dicom.image import DicomImage
from egma_core.errors import CheckpointError, ConfigError
from egma_core.inference.bank import ClassScore, PromptBank
from egma_core.inference.films import open_film
from egma_core.inference.prediction import Prediction, SimilarityMap
from egma_core.inference.prompts import PromptSet
from egma_core.model.checkpoint import find_checkpoint, load_model
from egma_core.model.preprocess import NetworkPicture, prepare

Film = DicomImage | Path | str
"""A film, or where its file is (DICOM, PNG or JPEG)."""

KEPT_SENTENCES = 20_000
"""Embeddings of this many sentences are kept; then the memory starts over."""

KEPT_BANKS = 32
"""Prompt sets that are kept ready."""

KEPT_BYTES = 2**29
"""Remembered films may take this much memory; the oldest are let go first."""

SENTENCES_AT_ONCE = 256
FILMS_AT_ONCE = 64


@dataclass(frozen=True)
class EncodedFilm:
    """A film in the model's space, ready for any number of sentences.

    Attributes:
        patches: (N, d) unit-length embeddings of the cells, on the CPU.
        pooled: (d,) unit-length embedding of the whole film, on the CPU.
        grid: Where the cells lie on the film.
        image_shape: (rows, columns) of the film in pixels.
    """

    patches: Tensor
    pooled: Tensor
    grid: PatchGrid
    image_shape: tuple[int, int]


class Predictor:
    """A model that answers how well films and sentences go together. Films are only looked at, never stored.

    A sentence's score is t times a cosine: of the film's best patch, or of the whole film, as the checkpoint's
    configuration says (`score`: `fine_grained` or `global`). A class's score is the mean over its sentences, unless
    `class_score` says otherwise. Sentences that readers say of almost every film, negations above all, score high on
    any film; `centre_on` takes that out. Prompts are encoded once, and so are the films that `remember` was told of.

    Attributes:
        checkpoint: The checkpoint's folder.
        model: The model, ready to predict.
        class_score: How sentences' scores become a class's.
    """

    def __init__(self, checkpoint: Path | str, device: str = "cpu", *, class_score: ClassScore = "mean") -> None:
        """Load a checkpoint.

        Args:
            checkpoint: A checkpoint's folder, or a training run's, whose best checkpoint is then taken.
            device: A torch device, such as cpu or cuda.
            class_score: How sentences' scores become a class's.

        Raises:
            CheckpointError: It is missing, damaged, or holds weights that are no numbers.
            ConfigError: There is no such device or class score.
            MissingExtraError: Its encoders need packages that are not installed.
        """
        self.checkpoint = find_checkpoint(Path(checkpoint))
        self.model = load_model(self.checkpoint, _device(device))
        if not all(bool(torch.isfinite(weight).all()) for weight in self.model.state_dict().values()):
            raise CheckpointError(
                f"The checkpoint {self.checkpoint.name} holds weights that are no numbers.", "Use one from before training failed."
            )
        if class_score not in get_args(ClassScore):
            raise ConfigError(f"There is no class score {class_score!r}.", f"Choose one of: {', '.join(get_args(ClassScore))}.")
        self.class_score: ClassScore = class_score
        self._scale = float(self.model.scale.detach())
        self._sentences: dict[str, Tensor] = {}
        self._banks: OrderedDict[tuple[tuple[str, tuple[str, ...]], ...], PromptBank] = OrderedDict()
        self._films: OrderedDict[Path, EncodedFilm] = OrderedDict()
        self._reference: tuple[Tensor, Tensor] | None = None

    def encode(self, film: Film, frame: int = 0) -> EncodedFilm:
        """Encode one frame of a film once, for many questions.

        Args:
            film: A decoded film, or the path of a DICOM file.
            frame: Which frame, counted from 0.

        Raises:
            ImageError: The film cannot be read or displayed, or has no such frame.
        """
        return self._encoded([self._picture(film, frame)])[0]

    def encode_many(self, films: Iterable[Film], *, batch_size: int = 32) -> Iterator[EncodedFilm]:
        """Encode the first frame of many films, `batch_size` at a time; errors as in `encode`."""
        pictures = (self._picture(film, 0) for film in films)
        while batch := list(itertools.islice(pictures, batch_size)):
            yield from self._encoded(batch)

    def remember(self, films: Sequence[Path], sentences: Sequence[str] = ()) -> None:
        """Encode films' files together, and sentences, so that `predict` and `sentence_scores` need not read them again.

        Of films, at most `KEPT_BYTES` are kept, the last ones: go through a large set a few dozen films at a time. Errors as in `encode`.
        """
        if sentences:
            self._embedded(sentences)
        asked = list(dict.fromkeys(films))
        new = [film for film in asked if film not in self._films]
        for film in [film for film in asked if film in self._films]:
            self._films.move_to_end(film)
        for film, encoded in zip(new, self.encode_many(new), strict=True):
            self._films[film] = encoded
            while len(self._films) > max(1, KEPT_BYTES // (encoded.patches.nbytes + encoded.pooled.nbytes)):
                self._films.popitem(last=False)

    def forget_sentences(self) -> None:
        """Let go of all prompts, so that the next ones are encoded anew."""
        self._sentences.clear()
        self._banks.clear()

    def centre_on(self, films: Iterable[EncodedFilm]) -> None:
        """Score sentences by how much better they go with a film than with these ones on average; no labels are needed.

        Args:
            films: Films of the same kind, such as a validation split's; never those that are reported on. None at all
                goes back to plain scores.
        """
        chosen = list(films)
        self._reference = (torch.stack([f.patches for f in chosen]), torch.stack([f.pooled for f in chosen])) if chosen else None
        self._banks.clear()

    def predict(self, film: Film | EncodedFilm, prompts: PromptSet | Sequence[str]) -> Prediction:
        """Score a film against prompts.

        Args:
            film: A film, its path, or what `encode` gave for it.
            prompts: Classes with their sentences; or sentences alone, each then a class of its own.

        Raises:
            ImageError: The film cannot be read or displayed.
            ConfigError: There are no prompts, or one has no word.
        """
        encoded = self._known(film)
        bank = self._bank(prompts)
        patches, pooled = encoded.patches[None], encoded.pooled[None]
        scores = self._scores(bank.texts, patches, pooled)[:, 0]
        by_class = self._class_scores(bank, scores, patches, pooled) - bank.class_offset
        cells = (bank.texts @ encoded.patches.T).view(-1, encoded.grid.rows, encoded.grid.columns).numpy()
        return Prediction(
            classes=bank.classes,
            scores=by_class.numpy(),
            probabilities=by_class.softmax(dim=0).numpy(),
            sentences=bank.sentences,
            sentence_scores=(scores - bank.offset).numpy(),
            maps=tuple(SimilarityMap(s, cells[i], encoded.grid, encoded.image_shape) for i, s in enumerate(bank.sentences)),
        )

    def sentence_scores(self, films: Sequence[Path], sentences: Sequence[str]) -> NDArray[np.float32]:
        """Score many films against many sentences, without maps.

        Args:
            films: F files of films.
            sentences: S sentences.

        Returns:
            (F, S) scores, as `Prediction.sentence_scores` has them.

        Raises:
            ImageError: A film cannot be read or displayed.
            ConfigError: There are no sentences, or one has no word.
        """
        bank = self._bank(sentences)
        scores = np.empty((len(films), len(bank.sentences)), dtype=np.float32)
        for start in range(0, len(films), FILMS_AT_ONCE):
            some = films[start : start + FILMS_AT_ONCE]
            self.remember(some)
            encoded = [self._known(film) for film in some]
            patches, pooled = torch.stack([f.patches for f in encoded]), torch.stack([f.pooled for f in encoded])
            scores[start : start + len(some)] = (self._scores(bank.texts, patches, pooled) - bank.offset[:, None]).T.numpy()
        return scores

    @torch.no_grad()
    def features(self, films: Iterable[Film], *, batch_size: int = 32) -> Iterator[NDArray[np.float32]]:
        """What the image encoder alone makes of films: (width,) pooled features each, before the projection to the shared space."""
        pictures = (self._picture(film, 0) for film in films)
        while batch := list(itertools.islice(pictures, batch_size)):
            yield from self.model.vision(self._pixels(batch)).pooled.float().cpu().numpy()

    def _known(self, film: Film | EncodedFilm) -> EncodedFilm:
        if isinstance(film, EncodedFilm):
            return film
        remembered = self._films.get(film) if isinstance(film, Path) else None
        return self.encode(film) if remembered is None else remembered

    def _bank(self, prompts: PromptSet | Sequence[str]) -> PromptBank:
        """The prompts in the model's space; made once."""
        key = tuple(prompts.prompts.items()) if isinstance(prompts, PromptSet) else tuple((s, (s,)) for s in _several(prompts))
        bank = self._banks.pop(key, None)
        if bank is None:
            bank = self._new_bank(key)
        self._banks[key] = bank
        while len(self._banks) > KEPT_BANKS:
            self._banks.popitem(last=False)
        return bank

    def _new_bank(self, classes: tuple[tuple[str, tuple[str, ...]], ...]) -> PromptBank:
        if not classes or not all(own for _, own in classes):
            raise ConfigError("There are no prompts, or a class has none.", "Give each class at least one sentence.")
        sentences = tuple(sentence for _, own in classes for sentence in own)
        counts = [len(own) for _, own in classes]
        texts = self._embedded(sentences)
        means = torch.stack([functional.normalize(own.mean(dim=0), dim=0) for own in texts.split(counts)])
        plain = PromptBank(
            tuple(name for name, _ in classes), counts, sentences, texts, means, torch.zeros(len(sentences)), torch.zeros(len(classes))
        )
        if self._reference is None:
            return plain
        scores = self._scores(texts, *self._reference)
        films = [self._class_scores(plain, scores[:, i], *(part[i : i + 1] for part in self._reference)) for i in range(scores.shape[1])]
        return replace(plain, offset=scores.mean(dim=1), class_offset=torch.stack(films).mean(dim=0))

    def _class_scores(self, bank: PromptBank, scores: Tensor, patches: Tensor, pooled: Tensor) -> Tensor:
        """(C,) scores of one film's classes, from its (S,) sentences' and its (1, N, d) and (1, d) embeddings."""
        if self.class_score == "ensemble":
            return self._scores(bank.means, patches, pooled)[:, 0]
        by_class = scores.split(bank.counts)
        return torch.stack([own.max() if self.class_score == "max" else own.mean() for own in by_class])

    def _scores(self, texts: Tensor, patches: Tensor, pooled: Tensor) -> Tensor:
        """(S, F) scores of (S, d) sentences and F films with (F, N, d) patches and (F, d) pooled embeddings."""
        if self.model.config.score == "global":
            return self._scale * texts @ pooled.T
        return self._scale * (texts @ patches.flatten(0, 1).T).view(len(texts), *patches.shape[:2]).amax(dim=2)

    def _picture(self, film: Film, frame: int) -> NetworkPicture:
        size_px = self.model.config.vision.size_px
        if isinstance(film, DicomImage):
            return prepare(film, size_px, frame)
        return prepare(open_film(Path(film), frame), size_px)

    def _pixels(self, pictures: Sequence[NetworkPicture]) -> Tensor:
        return torch.from_numpy(np.stack([picture.pixels for picture in pictures])).to(self.model.device)

    @torch.no_grad()
    def _encoded(self, pictures: Sequence[NetworkPicture]) -> list[EncodedFilm]:
        films = self.model.encode_images(self._pixels(pictures))
        patches, pooled = films.patches.float().cpu(), films.pooled.float().cpu()
        encoded: list[EncodedFilm] = []
        for i, picture in enumerate(pictures):
            grid = PatchGrid(films.rows, films.columns, self.model.config.vision.size_px, picture.image_to_network)
            encoded.append(EncodedFilm(patches[i], pooled[i], grid, picture.image_shape))
        return encoded

    @torch.no_grad()
    def _embedded(self, sentences: Sequence[str]) -> Tensor:
        """(S, d) embeddings on the CPU; a sentence is encoded the first time only."""
        if len(self._sentences) > KEPT_SENTENCES:
            self._sentences.clear()
        new = [sentence for sentence in dict.fromkeys(sentences) if sentence not in self._sentences]
        for start in range(0, len(new), SENTENCES_AT_ONCE):
            some = new[start : start + SENTENCES_AT_ONCE]
            embedded = self.model.encode_sentences(self.model.tokenizer.encode(some).to(self.model.device)).float().cpu()
            self._sentences.update(zip(some, embedded, strict=True))
        return torch.stack([self._sentences[sentence] for sentence in sentences])


def _several(sentences: Sequence[str]) -> Sequence[str]:
    return [sentences] if isinstance(sentences, str) else sentences


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"There is no kind of device called {name!r}.", "Use cpu or cuda.") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError("No CUDA device can be used by this installation of torch.", "Use cpu, or install a CUDA build of torch.")
    return device
