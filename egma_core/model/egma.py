"""`Egma`: an image encoder and a sentence encoder that share one space, and the temperature between them."""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from egma_core.errors import ConfigError, MissingExtraError
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.encoders import PatchFeatures, TextEncoder, VisionEncoder
from egma_core.model.tiny import TinyText, TinyVision
from egma_core.model.tokens import TokenBatch, Tokenizer

FIRST_SCALE = 1 / 0.07
LARGEST_SCALE = 100.0


@dataclass(frozen=True)
class ImageEmbedding:
    """B films in the shared space, at unit length.

    Attributes:
        patches: (B, N, d) embeddings of the cells, row by row.
        pooled: (B, d) embeddings of the whole films.
        rows: Cells down.
        columns: Cells across; N = rows * columns.
        finer: (B, N_l, d) embeddings of the cells of each grid of `Egma.finer_grids`.
    """

    patches: Tensor
    pooled: Tensor
    rows: int
    columns: int
    finer: tuple[Tensor, ...] = ()


Backbone = dict[str, Any] | None
"""A pretrained encoder's own configuration; None for an encoder of our own."""


class Egma(nn.Module):
    """Films and sentences as points of one space.

    Attributes:
        config: What it was built from.
        tokenizer: Its way of reading sentences.
        grid: (rows, columns) of the patches of a picture of `config.vision.size_px`, as the image encoder gives them.
        finer_grids: (rows, columns) of the finer grids of `config.vision.levels`, the coarsest of them first.
        log_scale: theta, the logarithm of the inverse temperature; learnable.
    """

    def __init__(self, config: ModelConfig, tokenizer: Tokenizer, backbones: tuple[Backbone, Backbone] = (None, None)) -> None:
        """Build it; weights are fresh, or come from the configured pretrained backbones.

        Args:
            config: The encoders and the space they share.
            tokenizer: Tokenizer of the text encoder.
            backbones: The pretrained image and text models' own configurations when their weights will be loaded from
                a checkpoint, so that their source is not needed again.

        Raises:
            ConfigError: A backbone is not at hand, or the size of the pictures does not suit it.
            MissingExtraError: A backbone needs transformers, and that is not installed.
        """
        super().__init__()
        self.config = config
        self.tokenizer = tokenizer
        self.vision = _vision(config.vision, backbones[0])
        self.text = _text(config.text, tokenizer, backbones[1])
        self.vision_projection = nn.Linear(self.vision.width, config.embed_dim, bias=False)
        self.text_projection = nn.Linear(self.text.width, config.embed_dim, bias=False)
        self.log_scale = nn.Parameter(torch.tensor(math.log(FIRST_SCALE)))
        seen = self._blank_picture()
        self.grid = seen.rows, seen.columns
        self.finer_grids = tuple((features.shape[1], features.shape[2]) for features in seen.finer)
        self.finer_projections = nn.ModuleList(nn.Linear(features.shape[3], config.embed_dim, bias=False) for features in seen.finer)

    @property
    def backbones(self) -> tuple[Backbone, Backbone]:
        """The pretrained image and text models' own configurations; None for an encoder of our own."""
        return self.vision.backbone, self.text.backbone

    @property
    def scale(self) -> Tensor:
        """The inverse temperature t = exp(theta), as a 0-d tensor."""
        return self.log_scale.exp()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.log_scale.device

    @torch.no_grad()
    def clamp_scale(self) -> None:
        """Bring t back into 1..100; call it after each optimiser step."""
        self.log_scale.clamp_(0.0, math.log(LARGEST_SCALE))

    def encode_images(self, pixels: Tensor) -> ImageEmbedding:
        """Embed normalised pictures.

        Args:
            pixels: (B, 1, S, S) normalised tones.

        Raises:
            ConfigError: The pictures have another shape, or a side that the encoder does not take.
        """
        if pixels.ndim != 4 or pixels.shape[1] != 1 or pixels.shape[2] != pixels.shape[3]:
            raise ConfigError(f"Pictures of shape {tuple(pixels.shape)} cannot be encoded.", "Pass (films, 1, side, side).")
        features = self.vision(pixels)
        patches = functional.normalize(self.vision_projection(features.patches), dim=-1)
        pooled = functional.normalize(self.vision_projection(features.pooled), dim=-1)
        finer = tuple(
            functional.normalize(projection(level.flatten(1, 2)), dim=-1)
            for projection, level in zip(self.finer_projections, features.finer, strict=True)
        )
        return ImageEmbedding(patches, pooled, features.rows, features.columns, finer)

    def encode_sentences(self, tokens: TokenBatch) -> Tensor:
        """Embed S tokenised sentences as (S, d), at unit length."""
        return functional.normalize(self.text_projection(self.text(tokens)), dim=-1)

    @torch.no_grad()
    def _blank_picture(self) -> PatchFeatures:
        """What the image encoder makes of a picture of the configured size: its grids and widths are its own to say."""
        self.eval()
        side = self.config.vision.size_px
        try:
            features = self.vision(torch.zeros(1, 1, side, side))
        except (TypeError, AttributeError) as error:
            if self.vision.backbone is None:
                raise
            kind = self.vision.backbone.get("model_type", "of another kind")
            raise ConfigError(
                f"The image encoder ({kind}) does not give its layers' states as a grid of patches.",
                "Choose a backbone such as Swin, ViT or ConvNeXt.",
            ) from error
        self.train()
        return features


def _vision(config: VisionConfig, backbone: Backbone) -> VisionEncoder:
    return TinyVision(config) if config.kind == "tiny" else _pretrained().PretrainedVision(config, backbone)


def _text(config: TextConfig, tokenizer: Tokenizer, backbone: Backbone) -> TextEncoder:
    if config.kind == "tiny":
        return TinyText(config, tokenizer.size)
    return _pretrained().PretrainedText(config, tokenizer.size, backbone, tokenizer.special)


def _pretrained() -> ModuleType:
    """The module of pretrained encoders, imported only when one is asked for: transformers takes seconds to import."""
    try:
        return importlib.import_module("egma_core.model.pretrained")
    except ImportError as error:
        raise MissingExtraError("A pretrained encoder", "train") from error
