"""How fast batches come: from fixations and a cache of films, against a JPEG heat map a sentence, and against the model that eats them."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from egma_core.examples.batch import Batch
    from egma_core.examples.loader import ExampleLoader
    from egma_core.examples.manifest import Example, Manifest
    from egma_core.model.egma import Egma
    from egma_core.model.tokens import Tokenizer
    from egma_core.training.config import TrainingConfig

LEAST_SIDE_PX = 224
"""The authors' way pads films to at least this side (method: data pipeline)."""


def bench_loader(films: int = 96, repeats: int = 5, size_px: int = 0) -> dict[str, Any]:
    """Examples a second of our loader and of the authors' way, and the time a batch takes against a step of the `tiny` preset.

    The films are phantoms of 512 px as DICOM files, with the gaze and sentences of a simulated reader, in a temporary
    folder. The authors' way has the same films and each sentence's heat map beside them as JPEG files of 512 px, which
    spares it DICOM and the 2,000 to 3,000 px of clinical films; each time an example is used it reads all of them, pads,
    resizes, varies tones and pools the heat maps to the patch grid. Both give the same batches, but for variation.

    Args:
        films: Films of the pass.
        repeats: Passes after the first one; ours and theirs take turns.
        size_px: Side of the network pictures; 0 for that of the `tiny` preset.

    Returns:
        Medians over passes, and over batches for times in ms; `gaze_cosine` is the mean cosine between our gaze grids
        and the authors', to show that both measure the same thing.
    """
    from egma_core.examples.batch import PictureShape
    from egma_core.examples.films import FilmCache
    from egma_core.examples.loader import ExampleLoader
    from egma_core.model.egma import Egma
    from egma_core.model.tokens import build_tokenizer
    from egma_core.training.config import preset
    from egma_core.training.machine import keep_memory

    keep_memory()
    config = preset("tiny")
    vision = replace(config.model.vision, size_px=size_px or config.model.vision.size_px)
    config = replace(config, model=replace(config.model, vision=vision))
    with tempfile.TemporaryDirectory(prefix="egma-bench-") as folder:
        manifest = _phantoms(Path(folder), films)
        tokenizer = build_tokenizer(config.model.text, ((e.patient, s.text) for e in manifest.examples for s in e.sentences))
        model = Egma(config.model, tokenizer)
        shape = PictureShape(vision.size_px, *model.grid)
        cache = FilmCache(manifest.films, shape.size_px, config.data)

        def loader(workers: int, train: bool = True) -> ExampleLoader:
            return ExampleLoader(
                manifest,
                "train",
                data=replace(config.data, workers=workers),
                shape=shape,
                tokenizer=tokenizer,
                batch_size=config.optim.batch_size,
                train=train,
                seed=0,
                films=cache,
            )

        authors = HeatMapLoader(manifest, Path(folder), shape.size_px, (shape.rows, shape.columns), tokenizer, config.optim.batch_size)
        ours, ahead = loader(0), loader(1)
        first_s = _seconds(ours.epoch(0))
        later_s, authors_s = zip(*((_seconds(ours.epoch(i)), _seconds(authors.epoch(i))) for i in range(1, repeats + 1)), strict=True)
        step = _stepper(model, config)
        _fed(ours, step, 0)  # a model's first step takes longer
        fed, fed_ahead = zip(*((_fed(ours, step, i), _fed(ahead, step, i)) for i in range(repeats)), strict=True)
        cosine = _cosine(loader(0, train=False), authors)
    later, theirs = films / statistics.median(later_s), films / statistics.median(authors_s)
    wait_ms, step_ms = (statistics.median(t for times in fed for t in times[i]) for i in (0, 1))
    return {
        "examples": films,
        "sentences": sum(len(e.sentences) for e in manifest.examples),
        "size_px": shape.size_px,
        "batch_size": config.optim.batch_size,
        "first_pass_examples_per_s": round(films / first_s, 1),
        "later_passes_examples_per_s": round(later, 1),
        "authors_examples_per_s": round(theirs, 1),
        "first_pass_ratio_to_authors": round(films / first_s / theirs, 2),
        "later_passes_ratio_to_authors": round(later / theirs, 2),
        "gaze_cosine": round(cosine, 4),
        "batch_ms": round(wait_ms, 2),
        "tiny_step_ms": round(step_ms, 2),
        "batch_to_step": round(wait_ms / step_ms, 3),
        "waiting_share": _waiting(fed),
        "waiting_share_one_worker": _waiting(fed_ahead),
    }


def _phantoms(folder: Path, n: int) -> Manifest:
    """`n` phantom films in a folder, read by a simulated reader."""
    from egma_core.ablation.readings import read_phantoms
    from egma_core.examples.manifest import Manifest
    from egma_core.synthetic.phantoms import phantom_set, write_phantoms
    from egma_core.synthetic.reader import ReaderModel

    phantoms = phantom_set(n, seed=1)
    write_phantoms(folder, {"train": phantoms})
    examples = read_phantoms(((p, "train") for p in phantoms), _digest, folder, ReaderModel(), seed=0, rate_hz=120.0)
    return Manifest(folder, tuple(examples))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _seconds(batches: Iterator[Any]) -> float:
    begun = time.perf_counter()
    for _ in batches:
        pass
    return time.perf_counter() - begun


def _stepper(model: Egma, config: TrainingConfig) -> Callable[[Batch], None]:
    """One training step on a batch: forward, all losses, backward, optimiser."""
    from egma_core.training.objective import loss_terms
    from egma_core.training.optim import build_optimiser

    model.train()
    optimiser = build_optimiser(model, config.optim)

    def step(batch: Batch) -> None:
        optimiser.zero_grad(set_to_none=True)
        films, sentences = model.encode_images(batch.pixels), model.encode_sentences(batch.tokens)
        loss_terms(model, batch, films, sentences, config.loss)["loss"].backward()
        optimiser.step()

    return step


def _fed(loader: ExampleLoader, step: Callable[[Batch], None], epoch: int) -> tuple[list[float], list[float]]:
    """Milliseconds waited for each batch of a pass, and milliseconds that each step on it took."""
    waited: list[float] = []
    stepped: list[float] = []
    mark = time.perf_counter()
    for batch in loader.epoch(epoch):
        got = time.perf_counter()
        step(batch)
        done = time.perf_counter()
        waited.append(1e3 * (got - mark))
        stepped.append(1e3 * (done - got))
        mark = done
    return waited, stepped


def _waiting(passes: Sequence[tuple[list[float], list[float]]]) -> float:
    """The median share of a pass that was spent waiting for batches."""
    return round(statistics.median(sum(waited) / (sum(waited) + sum(stepped)) for waited, stepped in passes), 3)


def _cosine(loader: ExampleLoader, authors: HeatMapLoader) -> float:
    """Mean cosine of our gaze grids and the authors', over the sentences that have gaze; neither varied."""
    from torch.nn.functional import cosine_similarity

    cosines: list[float] = []
    for ours, theirs in zip(loader.epoch(0), authors.epoch(None), strict=True):
        cosines += cosine_similarity(ours.gaze, theirs.gaze, dim=1)[ours.has_gaze].tolist()
    return statistics.fmean(cosines)


@dataclass(frozen=True)
class HeatMapBatch:
    """What the authors' way gives: (B, 1, S, S) pixels, the sentences' tokens, (S, N) gaze."""

    pixels: Tensor
    tokens: Any
    gaze: Tensor


class HeatMapLoader:
    """The authors' way, from its description: film and heat maps are pictures on disk, read and resized whenever they are used."""

    def __init__(
        self, manifest: Manifest, folder: Path, size_px: int, grid: tuple[int, int], tokenizer: Tokenizer, batch_size: int
    ) -> None:
        """Write each film and a heat map of each of its sentences as JPEG files."""
        self._examples, self._folder, self._size_px, self._grid = manifest.examples, folder, size_px, grid
        self._tokenizer, self._batch_size = tokenizer, batch_size
        for index, example in enumerate(self._examples):
            self._write(index, example, manifest.film_path(example))

    def epoch(self, epoch: int | None) -> Iterator[HeatMapBatch]:
        """One pass in random order, tones varied; None for the examples' own order, unvaried."""
        random = np.random.default_rng(epoch)
        order = np.arange(len(self._examples))
        if epoch is not None:
            order = random.permutation(order)
        for members in np.array_split(order, -(-len(order) // self._batch_size)):
            yield self._batch(members.tolist(), None if epoch is None else random)

    def _batch(self, members: Sequence[int], random: np.random.Generator | None) -> HeatMapBatch:
        import torch

        pixels = [self._film(index, random) for index in members]
        maps = [self._heat_map(index, k) for index in members for k in range(len(self._examples[index].sentences))]
        sentences = [s.text for index in members for s in self._examples[index].sentences]
        gaze = torch.nn.functional.interpolate(torch.stack(maps), self._grid, mode="bilinear", antialias=True)
        return HeatMapBatch(torch.stack(pixels), self._tokenizer.encode(sentences), gaze.flatten(1))

    def _film(self, index: int, random: np.random.Generator | None) -> Tensor:
        import torch
        from PIL import Image, ImageEnhance

        from egma_core.model.preprocess import normalise

        with Image.open(self._folder / f"{index}.jpg") as file:
            picture = self._square(file)
        if random is not None:
            for kind in (ImageEnhance.Brightness, ImageEnhance.Contrast):
                picture = kind(picture).enhance(float(random.uniform(0.8, 1.2)))
        return torch.from_numpy(normalise(np.asarray(picture)))

    def _heat_map(self, index: int, sentence: int) -> Tensor:
        import torch
        from PIL import Image

        with Image.open(self._folder / f"{index}_{sentence}.jpg") as file:
            return torch.from_numpy(np.asarray(self._square(file), dtype=np.float32) / np.float32(255))[None]

    def _square(self, file: Any) -> Any:
        """A picture padded to a centred black square, and resized."""
        from PIL import Image

        picture = file.convert("L")
        side = max(LEAST_SIDE_PX, *picture.size)
        square = Image.new("L", (side, side))
        square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
        return square.resize((self._size_px, self._size_px), Image.Resampling.BILINEAR)

    def _write(self, index: int, example: Example, film: Path) -> None:
        from PIL import Image

        from egma_core.alignment.maps import SentenceGazeMap, density
        from egma_core.dicom.display import render
        from egma_core.dicom.reader import read_image
        from egma_core.speech.sentences import Sentence

        Image.fromarray(render(read_image(film, frame=0))).save(self._folder / f"{index}.jpg", quality=95)
        for k, sentence in enumerate(example.sentences):
            heat = np.zeros(example.image_shape, dtype=np.float32)
            if sentence.gaze is not None:
                g = sentence.gaze
                spoken = Sentence(sentence.text, 0.0, 1.0, "simulated")
                fixations = np.arange(len(g))
                looked = SentenceGazeMap(spoken, "", (0.0, 1.0), "", fixations, g.x_px, g.y_px, g.sigma_px, g.weight_s, g.visible)
                heat = density(looked, example.image_shape)
            Image.fromarray(np.rint(255 * heat).astype(np.uint8)).save(self._folder / f"{index}_{k}.jpg", quality=95)
