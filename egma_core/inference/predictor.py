"""`Predictor`: zero-shot scores and similarity maps of films, from a checkpoint and any sentences."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from egma_core.alignment.patches import PatchGrid
from egma_core.dicom.image import DicomImage
from egma_core.dicom.reader import read_image
from egma_core.errors import CheckpointError, ConfigError
from egma_core.inference.prediction import Prediction, SimilarityMap
from egma_core.inference.prompts import PromptSet
from egma_core.model.checkpoint import find_checkpoint, load_model
from egma_core.model.preprocess import NetworkPicture, prepare

Film = DicomImage | Path | str
"""A film, or where its file is."""

KEPT_SENTENCES = 20_000
"""Embeddings of this many sentences are kept; then the memory starts over."""

SENTENCES_AT_ONCE = 256


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
    configuration says (`score`: `fine_grained` or `global`). A class's score is the mean over its sentences. Sentences
    that readers say of almost every film, negations above all, score high on any film; `centre_on` takes that out.

    Attributes:
        checkpoint: The checkpoint's folder.
        model: The model, ready to predict.
    """

    def __init__(self, checkpoint: Path | str, device: str = "cpu") -> None:
        """Load a checkpoint.

        Args:
            checkpoint: A checkpoint's folder, or a training run's, whose best checkpoint is then taken.
            device: A torch device, such as cpu or cuda.

        Raises:
            CheckpointError: It is missing, damaged, or holds weights that are no numbers.
            ConfigError: There is no such device.
            MissingExtraError: Its encoders need packages that are not installed.
        """
        self.checkpoint = find_checkpoint(Path(checkpoint))
        self.model = load_model(self.checkpoint, _device(device))
        if not all(bool(torch.isfinite(weight).all()) for weight in self.model.state_dict().values()):
            raise CheckpointError(
                f"The checkpoint {self.checkpoint.name} holds weights that are no numbers.", "Use one from before training failed."
            )
        self._scale = float(self.model.scale.detach())
        self._sentences: dict[str, Tensor] = {}
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

    def centre_on(self, films: Iterable[EncodedFilm]) -> None:
        """Score sentences by how much better they go with a film than with these ones on average; no labels are needed.

        Args:
            films: Films of the same kind, such as a validation split's; never those that are reported on. None at all
                goes back to plain scores.
        """
        chosen = list(films)
        self._reference = (torch.stack([f.patches for f in chosen]), torch.stack([f.pooled for f in chosen])) if chosen else None

    def predict(self, film: Film | EncodedFilm, prompts: PromptSet | Sequence[str]) -> Prediction:
        """Score a film against prompts.

        Args:
            film: A film, its path, or what `encode` gave for it.
            prompts: Classes with their sentences; or sentences alone, each then a class of its own.

        Raises:
            ImageError: The film cannot be read or displayed.
            ConfigError: There are no prompts, or one has no word.
        """
        encoded = film if isinstance(film, EncodedFilm) else self.encode(film)
        classes = list(prompts.prompts.items()) if isinstance(prompts, PromptSet) else [(s, (s,)) for s in _several(prompts)]
        if not classes or not all(own for _, own in classes):
            raise ConfigError("There are no prompts, or a class has none.", "Give each class at least one sentence.")
        sentences = [sentence for _, own in classes for sentence in own]
        texts = self._embedded(sentences)
        cosine = texts @ encoded.patches.T
        scores = self._scores(texts, encoded.patches[None], encoded.pooled[None])[:, 0]
        if self._reference is not None:
            scores = scores - self._scores(texts, *self._reference).mean(dim=1)
        by_class = torch.stack([own.mean() for own in scores.split([len(own) for _, own in classes])])
        cells = cosine.view(-1, encoded.grid.rows, encoded.grid.columns).numpy()
        return Prediction(
            classes=tuple(name for name, _ in classes),
            scores=by_class.numpy(),
            probabilities=by_class.softmax(dim=0).numpy(),
            sentences=tuple(sentences),
            sentence_scores=scores.numpy(),
            maps=tuple(SimilarityMap(s, cells[i], encoded.grid, encoded.image_shape) for i, s in enumerate(sentences)),
        )

    def _scores(self, texts: Tensor, patches: Tensor, pooled: Tensor) -> Tensor:
        """(S, F) scores of (S, d) sentences and F films with (F, N, d) patches and (F, d) pooled embeddings."""
        if self.model.config.score == "global":
            return self._scale * texts @ pooled.T
        return self._scale * (texts @ patches.flatten(0, 1).T).view(len(texts), *patches.shape[:2]).amax(dim=2)

    def _picture(self, film: Film, frame: int) -> NetworkPicture:
        size_px = self.model.config.vision.size_px
        if isinstance(film, DicomImage):
            return prepare(film, size_px, frame)
        return prepare(read_image(film, frame=frame), size_px)

    @torch.no_grad()
    def _encoded(self, pictures: Sequence[NetworkPicture]) -> list[EncodedFilm]:
        pixels = torch.from_numpy(np.stack([picture.pixels for picture in pictures])).to(self.model.device)
        films = self.model.encode_images(pixels)
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
