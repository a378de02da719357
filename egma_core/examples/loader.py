"""From a manifest to batches: films decoded once, film and gaze varied together, every draw decided by seed, epoch and example alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from egma_core.alignment.patches import PackedMaps, PatchGrid, pool_many
from egma_core.errors import TrainingError
from egma_core.examples.background import ahead
from egma_core.examples.batch import Batch, PictureShape
from egma_core.examples.config import DataConfig
from egma_core.examples.decoding import Decoders
from egma_core.examples.films import Decode, FilmCache, decode_film
from egma_core.examples.gaze import Rows, gaze_rows
from egma_core.examples.manifest import Example, Manifest
from egma_core.examples.splits import Split, hash_fraction
from egma_core.examples.tokens import TokenCache
from egma_core.examples.transforms import Variation, mean_tone
from egma_core.model.preprocess import normalise
from egma_core.model.tokens import Tokenizer


class ExampleLoader:
    """Batches of one split. Training shuffles, varies, and may drop or exchange gaze; evaluation does none of it.

    Attributes:
        gaze_patients: Patients whose gaze is used. Those of a smaller `data.gaze_share` are among those of a larger one.
    """

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
        rank: int = 0,
        world: int = 1,
    ) -> None:
        """Take the examples of one split.

        Args:
            manifest: The examples.
            split: Which of them.
            data: How they are varied and brought here.
            shape: What the model sees.
            tokenizer: The model's way of reading sentences.
            batch_size: Most films in a batch; a pass is cut into batches of nearly equal size.
            train: Whether to shuffle, vary, and use gaze as `data.gaze_share` and `data.gaze_control` say.
            seed: Seed of the order, the variation and the use of gaze.
            films: Decoded films shared with another loader.
            rank: Which of `world` processes this is; each gives its consecutive part of the batch that one would give, with
                tokens padded to the longest of the part.
            world: How many processes share each batch; their parts differ by one film at most.

        Raises:
            TrainingError: There are batches with fewer films than processes.
        """
        self._examples = manifest.of(split)
        self._data, self._shape, self._train, self._seed = data, shape, train, seed
        self._batch_size, self._rank, self._world = batch_size, rank, world
        if self._examples and (smallest := len(self._examples) // len(self)) < world:
            raise TrainingError(f"{world} processes cannot share a batch of {smallest} films.", "Use fewer processes or larger batches.")
        self._tokens = TokenCache(tokenizer)
        self._films = FilmCache(manifest.films, shape.size_px, data) if films is None else films
        share = data.gaze_share if train else 1.0
        self.gaze_patients = frozenset(e.patient for e in self._examples if hash_fraction(e.patient, "gaze share", seed) < share)
        self._gaze: dict[str, tuple[Rows, ...]] = {}

    def __len__(self) -> int:
        """Batches in one pass."""
        return -(-len(self._examples) // self._batch_size)

    @property
    def films(self) -> tuple[str, ...]:
        """The film of each example, in the manifest's order."""
        return tuple(e.film for e in self._examples)

    def gaze_used(self) -> dict[str, int]:
        """How many `patients` and `sentences` gaze is used of, after `data.gaze_share`, `data.gaze_control` and `data.gaze_fallback`."""
        sentences = {e.id: sum(len(rows) > 0 for rows in self._gaze_of(e)) for e in self._examples}
        return {"patients": len({e.patient for e in self._examples if sentences[e.id]}), "sentences": sum(sentences.values())}

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Batch]:
        """One pass over the split; with `data.workers`, batches are prepared ahead and are the same, bit for bit.

        Workers are threads, so that all share one cache of films and none is started or fed at a cost; films that no
        cache holds are decoded in child processes, one a worker (see `Decoders`). All of them end with the pass, also
        when it is left early.

        Args:
            epoch: Counted from 0; decides the order and the variation together with the seed.
            first: Batches to leave out at the start, when a pass goes on where it was interrupted.

        Raises:
            ImageError: A film cannot be decoded or displayed.
            TrainingError: The folder for decoded films cannot be written.
        """
        order = np.arange(len(self._examples))
        if self._train:
            order = np.random.default_rng((self._seed, epoch)).permutation(order)
        batches = np.array_split(order, len(self))[first:] if len(self) else []
        parts = [np.array_split(members, self._world)[self._rank] for members in batches]
        if not self._data.workers:
            for part in parts:
                yield self._batch(part, epoch, decode_film)
            return
        decoders = Decoders(self._data.workers)
        yield from ahead(parts, lambda part: self._batch(part, epoch, decoders.picture), self._data.workers, release=decoders.close)

    def batch(self, examples: Sequence[Example], epoch: int, decode: Decode = decode_film) -> Batch:
        """One batch of given examples, as they are in one pass.

        Args:
            examples: The examples.
            epoch: The pass.
            decode: How a film is decoded that is not kept yet.

        Raises:
            TrainingError: There is no example, or the folder for decoded films cannot be written.
            ImageError: A film cannot be decoded or displayed.
        """
        if not examples:
            raise TrainingError("A batch needs at least one example.")
        size_px = self._shape.size_px
        pixels = np.empty((len(examples), 1, size_px, size_px), dtype=np.float32)
        sentences: list[str] = []
        gaze: list[Rows] = []
        grids: list[PatchGrid] = []
        counts: list[int] = []
        for picture, example in zip(pixels, examples, strict=True):
            random = np.random.default_rng(int(hash_fraction(example.id, f"epoch {epoch}", self._seed) * 2**53))
            chosen = self._choose(len(example.sentences), random)
            variation = Variation.draw(random, self._data, size_px) if self._train else Variation()
            _expose(self._films.picture(example, decode), variation, picture[0])
            grids += [variation.grid(PatchGrid.fit(*example.image_shape, size_px, 1, 1))] * len(chosen)
            rows = self._gaze_of(example)
            gaze += [rows[i] for i in chosen]
            sentences += [example.sentences[i].text for i in chosen]
            counts.append(len(chosen))
        pooled, *finer = self._pooled(gaze, grids)
        return Batch(
            pixels=torch.from_numpy(pixels),
            tokens=self._tokens.batch(sentences),
            counts=torch.tensor(counts),
            gaze=pooled,
            has_gaze=pooled.amax(dim=1) > 0,
            ids=tuple(e.id for e in examples),
            finer_gaze=tuple(finer),
        )

    def _batch(self, members: NDArray[np.int64], epoch: int, decode: Decode) -> Batch:
        return self.batch([self._examples[i] for i in members], epoch, decode)

    def _choose(self, n: int, random: np.random.Generator) -> Sequence[int]:
        """At most so many of n sentences, in their order: drawn anew in each pass of training, else the first ones."""
        most = self._data.max_sentences
        if n <= most:
            return range(n)
        return np.sort(random.choice(n, most, replace=False)).tolist() if self._train else range(most)

    def _gaze_of(self, example: Example) -> tuple[Rows, ...]:
        """What each sentence of a reading is trained with, put together once."""
        if example.id not in self._gaze:
            used = example.patient in self.gaze_patients
            control = self._data.gaze_control if self._train else "own"
            nothing = (np.zeros((0, 8)),) * len(example.sentences)
            fallback = self._data.gaze_fallback if self._train else "none"
            self._gaze[example.id] = gaze_rows(example, control, self._seed, fallback) if used else nothing
        return self._gaze[example.id]

    def _pooled(self, gaze: Sequence[Rows], whole: Sequence[PatchGrid]) -> list[torch.Tensor]:
        """(S, N) gaze on every grid of the model, given where each sentence's film lies in the picture."""
        maps = PackedMaps(np.concatenate(gaze), np.array([len(rows) for rows in gaze], dtype=np.int64))
        levels = ([PatchGrid(rows, columns, g.size_px, g.image_to_network) for g in whole] for rows, columns in self._shape.grids)
        return [torch.from_numpy(pool_many(maps, grids).astype(np.float32)) for grids in levels]


def _expose(grey: NDArray[np.uint8], variation: Variation, picture: NDArray[np.float32]) -> None:
    """Vary (S, S) grey levels and write them, normalised, into `picture`."""
    moved = variation.moved(grey)
    table = normalise(variation.tones(mean_tone(moved)))[0]
    np.take(table, moved, out=picture, mode="clip")
