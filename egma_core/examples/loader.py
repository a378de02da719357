"""From a manifest to batches: films decoded once, film and gaze varied together, every draw decided by seed, epoch and example alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from egma_core.alignment.patches import PackedMaps, PatchGrid, pool_many
from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image
from egma_core.errors import DamagedImageError, ImageError, TrainingError
from egma_core.examples.config import DataConfig
from egma_core.examples.manifest import Example, ExampleSentence, Manifest
from egma_core.examples.splits import Split, hash_fraction
from egma_core.examples.transforms import Variation
from egma_core.model.preprocess import normalise, square_picture
from egma_core.model.tokens import TokenBatch, Tokenizer


@dataclass(frozen=True)
class Batch:
    """B films with their S sentences, laid end to end film by film, and N patches a film.

    Attributes:
        pixels: (B, 1, size, size) float32 normalised tones.
        tokens: The S sentences as token ids.
        counts: (B,) int64 sentences of each film.
        gaze: (S, N) float32 in [0, 1]; zero where there is none.
        has_gaze: (S,) bool.
        ids: The examples' ids.
    """

    pixels: Tensor
    tokens: TokenBatch
    counts: Tensor
    gaze: Tensor
    has_gaze: Tensor
    ids: tuple[str, ...]

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(
            self.pixels.to(device),
            self.tokens.to(device),
            self.counts.to(device),
            self.gaze.to(device),
            self.has_gaze.to(device),
            self.ids,
        )


@dataclass(frozen=True)
class PictureShape:
    """What the model sees.

    Attributes:
        size_px: Side of the network picture.
        rows: Cells of the patch grid down.
        columns: Cells of the patch grid across.
    """

    size_px: int
    rows: int
    columns: int


class FilmCache:
    """Network pictures by film, kept as 8-bit grey levels, so that no film is ever decoded twice."""

    def __init__(self, folder: Path, size_px: int) -> None:
        """Take films below `folder`; a picture takes `size_px` squared bytes."""
        self._folder = folder
        self._size_px = size_px
        self._pictures: dict[str, NDArray[np.uint8]] = {}

    def picture(self, example: Example) -> NDArray[np.uint8]:
        """(S, S) grey levels of one example's film.

        Raises:
            ImageError: The film is missing, is not the one that was exported, or cannot be decoded or displayed.
        """
        if example.film not in self._pictures:
            path = self._folder / example.film
            try:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                raise ImageError(
                    f"The film {example.film} cannot be read ({error.strerror}).", "Bring the library's files back."
                ) from error
            if digest != example.sha256:
                raise DamagedImageError(f"The film {example.film} was changed after it was exported.", "Export the examples again.")
            self._pictures[example.film] = square_picture(render(read_image(path, frame=0)), self._size_px)
        return self._pictures[example.film]


class ExampleLoader:
    """Batches of one split. Training shuffles, varies and may drop gaze; evaluation does none of it."""

    def __init__(
        self,
        manifest: Manifest,
        split: Split,
        *,
        data: DataConfig,
        shape: PictureShape,
        tokenizer: Tokenizer,
        batch_size: int,
        train: bool,
        seed: int,
        films: FilmCache | None = None,
    ) -> None:
        """Take the examples of one split.

        Args:
            manifest: The examples.
            split: Which of them.
            data: How they are varied.
            shape: What the model sees.
            tokenizer: The model's way of reading sentences.
            batch_size: Most films in a batch; a pass is cut into batches of nearly equal size.
            train: Whether to shuffle, vary, and leave out the gaze that `data.gaze_share` does not use.
            seed: Seed of the order and the variation.
            films: Decoded films shared with another loader.
        """
        self._examples = manifest.of(split)
        self._data, self._shape, self._train, self._seed = data, shape, train, seed
        self._tokenizer, self._batch_size = tokenizer, batch_size
        self._films = FilmCache(manifest.films, shape.size_px) if films is None else films
        share = data.gaze_share if train else 1.0
        self._gaze_patients = {e.patient for e in self._examples if hash_fraction(e.patient, "gaze share", seed) < share}

    def __len__(self) -> int:
        """Batches in one pass."""
        return -(-len(self._examples) // self._batch_size)

    @property
    def films(self) -> tuple[str, ...]:
        """The film of each example, in the manifest's order."""
        return tuple(e.film for e in self._examples)

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """One pass over the split.

        Args:
            epoch: Counted from 0; decides the order and the variation together with the seed.
            first: Batches to leave out at the start, when a pass goes on where it was interrupted.

        Raises:
            ImageError: A film cannot be decoded or displayed.
        """
        order = np.arange(len(self._examples))
        if self._train:
            order = np.random.default_rng((self._seed, epoch)).permutation(order)
        for members in np.array_split(order, len(self))[first:] if len(self) else ():
            yield self.batch([self._examples[i] for i in members], epoch)

    def batch(self, examples: Sequence[Example], epoch: int) -> Batch:
        """One batch of given examples, as they are in one pass.

        Raises:
            TrainingError: There is no example.
            ImageError: A film cannot be decoded or displayed.
        """
        if not examples:
            raise TrainingError("A batch needs at least one example.")
        pictures: list[NDArray[np.float32]] = []
        sentences: list[ExampleSentence] = []
        gaze: list[PackedMaps] = []
        grids: list[PatchGrid] = []
        counts: list[int] = []
        for example in examples:
            random = np.random.default_rng(int(hash_fraction(example.id, f"epoch {epoch}", self._seed) * 2**53))
            chosen = self._choose(example, random)
            variation = Variation.draw(random, self._data, self._shape.size_px) if self._train else Variation()
            pictures.append(normalise(variation.picture(self._films.picture(example))))
            grid = PatchGrid.fit(*example.image_shape, self._shape.size_px, self._shape.rows, self._shape.columns)
            grids += [variation.grid(grid)] * len(chosen)
            gaze.append(_packed(chosen, example.patient in self._gaze_patients))
            sentences += chosen
            counts.append(len(chosen))
        pooled = torch.from_numpy(pool_many(PackedMaps.join(gaze), grids).astype(np.float32))
        return Batch(
            pixels=torch.from_numpy(np.stack(pictures)),
            tokens=self._tokenizer.encode([s.text for s in sentences]),
            counts=torch.tensor(counts),
            gaze=pooled,
            has_gaze=pooled.amax(dim=1) > 0,
            ids=tuple(e.id for e in examples),
        )

    def _choose(self, example: Example, random: np.random.Generator) -> list[ExampleSentence]:
        """At most so many sentences, in their order: drawn anew in each pass of training, else the first ones."""
        n, most = len(example.sentences), self._data.max_sentences
        if n <= most:
            return list(example.sentences)
        kept = np.sort(random.choice(n, most, replace=False)).tolist() if self._train else range(most)
        return [example.sentences[i] for i in kept]


def _packed(sentences: Sequence[ExampleSentence], used: bool) -> PackedMaps:
    blocks = [
        np.column_stack([s.gaze.x_px, s.gaze.y_px, s.gaze.sigma_px, s.gaze.weight_s, s.gaze.visible])
        if used and s.gaze is not None
        else np.zeros((0, 8))
        for s in sentences
    ]
    return PackedMaps(np.concatenate(blocks), np.array([len(block) for block in blocks], dtype=np.int64))
