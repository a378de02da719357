"""The encoders of the `tiny` preset: small enough to learn phantoms on a laptop in a minute.

The image encoder is a convolutional stem of stride 16 and a few transformer layers on its cells, a quarter of a million
weights in all; the text encoder is a small transformer over words. Neither needs anything but torch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from egma_core.errors import ConfigError
from egma_core.model.config import TextConfig, VisionConfig
from egma_core.model.encoders import PatchFeatures, mean_of_tokens
from egma_core.model.tokens import TokenBatch

STRIDE = 16


class TinyVision(nn.Module):
    """Three strided convolutions with GroupNorm, position embeddings, and transformer layers on the cells.

    The kernels are even and padded evenly, so that a cell's features are centred on the cell.
    """

    def __init__(self, config: VisionConfig) -> None:
        """Build it for pictures of `config.size_px`; it accepts other multiples of 16 too.

        Raises:
            ConfigError: More than its one grid is asked for.
        """
        super().__init__()
        if config.levels > 1:
            raise ConfigError(
                "The tiny image encoder has one grid of patches.", "Set levels to 1, or choose a Swin or ConvNeXt (kind = transformers)."
            )
        self.width = config.width
        self.backbone: dict[str, Any] | None = None
        self.pre_norm = config.patch_source == "pre_ln"
        narrow, middle = max(4, config.width // 3), max(8, 2 * config.width // 3)
        self.stem = nn.Sequential(*_shrinking(1, narrow, 4), *_shrinking(narrow, middle, 2), *_shrinking(middle, config.width, 2))
        side = max(1, config.size_px // STRIDE)
        self.position = nn.Parameter(torch.randn(1, config.width, side, side) * 0.02)
        self.layers = nn.ModuleList(Layer(config.width) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, pixels: Tensor) -> PatchFeatures:
        """Encode (B, 1, S, S) normalised pictures; S must be a multiple of 16.

        Raises:
            ConfigError: It is not.
        """
        if pixels.shape[-1] % STRIDE or pixels.shape[-2] % STRIDE:
            raise ConfigError(
                f"The tiny image encoder cannot see pictures of {pixels.shape[-1]} px.", f"Choose a size_px that is a multiple of {STRIDE}."
            )
        cells = self.stem(pixels)
        rows, columns = cells.shape[-2:]
        position = self.position
        if position.shape[-2:] != cells.shape[-2:]:
            position = functional.interpolate(position, (rows, columns), mode="bicubic", align_corners=False)
        tokens = (cells + position).flatten(2).transpose(1, 2)
        for layer in self.layers:
            tokens = layer(tokens)
        normed = self.norm(tokens)
        return PatchFeatures(tokens if self.pre_norm else normed, normed.mean(dim=1), rows, columns)


class TinyText(nn.Module):
    """Word embeddings with positions, transformer layers that do not see padding, and the mean over tokens."""

    def __init__(self, config: TextConfig, vocabulary: int) -> None:
        """Build it for `vocabulary` different token ids."""
        super().__init__()
        self.width = config.width
        self.backbone: dict[str, Any] | None = None
        self.masked = config.pooling != "legacy_unmasked"
        self.words = nn.Embedding(vocabulary, config.width)
        self.position = nn.Parameter(torch.randn(config.max_tokens, config.width) * 0.02)
        self.layers = nn.ModuleList(Layer(config.width) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.words.weight, std=0.1)

    def forward(self, tokens: TokenBatch) -> Tensor:
        """Encode S sentences to (S, width)."""
        features = self.words(tokens.ids) + self.position[: tokens.ids.shape[1]]
        for layer in self.layers:
            features = layer(features, tokens.mask)
        return mean_of_tokens(self.norm(features), tokens.mask if self.masked else None)


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, width: int) -> None:
        """Build it; a head is 32 wide where the width allows."""
        super().__init__()
        self.heads = max(1, width // 32) if width % 32 == 0 else 1
        self.attention_norm = nn.LayerNorm(width)
        self.attention_in = nn.Linear(width, 3 * width)
        self.attention_out = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, L, width) to the same; `mask` (B, L) bool marks the tokens that may be looked at."""
        batch, length, width = tokens.shape
        heads = self.attention_in(self.attention_norm(tokens)).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        seen = functional.scaled_dot_product_attention(query, key, value, None if mask is None else mask[:, None, None, :])
        tokens = tokens + self.attention_out(seen.transpose(1, 2).reshape(batch, length, width))
        return tokens + self.feed(self.feed_norm(tokens))


def _shrinking(channels_in: int, channels_out: int, stride: int) -> tuple[nn.Module, ...]:
    groups = next(g for g in (8, 4, 2, 1) if channels_out % g == 0)
    convolution = nn.Conv2d(channels_in, channels_out, 2 * stride, stride=stride, padding=stride // 2, bias=False)
    return convolution, nn.GroupNorm(groups, channels_out), nn.GELU()
