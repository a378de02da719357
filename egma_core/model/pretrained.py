"""Pretrained encoders: any vision backbone with a patch grid and any BERT-like text model of the transformers library.

They come from a local folder or from the Hugging Face cache on this machine, never from the network; or fresh and
small, for trying things out. This module is imported only when such an encoder is asked for, since transformers takes seconds.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertConfig, ConvNextConfig, PreTrainedConfig, SwinConfig, ViTConfig

from egma_core.errors import ConfigError
from egma_core.model.backbones import Backbone, load_backbone, own_configuration
from egma_core.model.config import TextConfig, VisionConfig
from egma_core.model.encoders import PatchFeatures, mean_of_tokens
from egma_core.model.tokens import TokenBatch

POOLED_LAYERS = 4
"""A sentence is the mean over the text model's last four layers (the paper's release)."""

LENGTH_STEP = 8
"""Sentences whose lengths fall into one step of so many tokens are encoded together."""


class PretrainedVision(nn.Module):
    """A transformers vision backbone, read as grids of patches.

    The coarsest grid is the last layer's. Finer ones are what the backbone passes on from one stage to the next: of
    every grid the last hidden state on it. For a Swin at 224 px these are `hidden_states` 4, 2 and 1, with 7, 14 and 28
    cells a side (the paper's release).
    """

    def __init__(self, config: VisionConfig, backbone: Backbone | None = None) -> None:
        """Load it from `config.source`, or build it fresh from `backbone`, its own configuration, or small.

        Raises:
            ConfigError: It is not on this machine, lacks weights, or does not take pictures of `config.size_px`.
        """
        super().__init__()
        self.model = load_backbone(config.source, backbone, _small(config), "vision")
        self.backbone = own_configuration(self.model)
        settings = self.model.config
        self.width = int(getattr(self.model, "num_features", 0) or getattr(settings, "hidden_size", 0) or settings.hidden_sizes[-1])
        self._levels = config.levels
        self._pre_norm = config.patch_source == "pre_ln"
        self._stride = _stride(self.backbone)
        self._window = int(self.backbone.get("window_size", 1))
        self._interpolates = "interpolate_pos_encoding" in inspect.signature(self.model.forward).parameters

    def forward(self, pixels: Tensor) -> PatchFeatures:
        """Encode (B, 1, S, S) normalised pictures, grey repeated to the backbone's channels.

        Raises:
            ConfigError: S is not a whole number of patches, or the backbone gives no grid or fewer grids than levels.
        """
        side = pixels.shape[-1]
        if side % self._stride or side // self._stride < self._window:
            least = self._stride * self._window
            raise ConfigError(
                f"This image encoder cannot see pictures of {side} px.",
                f"Choose a size_px that is a multiple of {self._stride}, and {least} at least.",
            )
        other_size = side != self.backbone.get("image_size", side)
        arguments = {"interpolate_pos_encoding": True} if self._interpolates and other_size else {}
        output = self.model(pixels.expand(-1, self.backbone.get("num_channels", 3), -1, -1), output_hidden_states=True, **arguments)
        states = [self._cells(state, side) for state in output.hidden_states]
        before = states[-1]
        if output.last_hidden_state.ndim == 4:
            # Convolutional backbones normalise the mean over the map only; here it is done a cell.
            norm = getattr(self.model, "layernorm", None)
            after = norm(before) if isinstance(norm, nn.Module) else before
        else:
            after = self._cells(output.last_hidden_state, side)
        rows, columns = after.shape[1:3]
        patches = (before if self._pre_norm else after).flatten(1, 2)
        return PatchFeatures(patches, after.flatten(1, 2).mean(dim=1), rows, columns, self._finer(states))

    def _cells(self, state: Tensor, side: int) -> Tensor:
        """A hidden state, (B, tokens, width) or (B, width, rows, columns), as (B, rows, columns, width)."""
        if state.ndim == 4:
            return state.permute(0, 2, 3, 1)
        # Backbones of one resolution may have class and register tokens before their patches.
        columns = math.isqrt(state.shape[1]) if "depths" in self.backbone else side // self._stride
        first = state.shape[1] - columns * columns
        if first < 0 or side % columns:
            raise ConfigError(
                "This image encoder gives no square grid of patches.", "Choose one with a patch grid, such as Swin, ViT or ConvNeXt."
            )
        return state[:, first:].unflatten(1, (columns, columns))

    def _finer(self, states: list[Tensor]) -> tuple[Tensor, ...]:
        grids = {state.shape[1]: state for state in states}
        if len(grids) < self._levels:
            raise ConfigError(
                f"This image encoder has {len(grids)} patch grids, and {self._levels} were asked for.",
                "Set levels lower, or choose a backbone in stages, such as Swin or ConvNeXt.",
            )
        return tuple(grids[rows] for rows in sorted(grids)[1 : self._levels])


class PretrainedText(nn.Module):
    """A BERT-like text model; a sentence is the mean over its last four layers and its tokens."""

    def __init__(self, config: TextConfig, vocabulary: int, backbone: Backbone | None = None, special: tuple[int, ...] = ()) -> None:
        """Load it from `config.source`, or build it fresh from `backbone`, its own configuration, or small for `vocabulary` ids.

        `special` are ids of tokens that stand for no word, which `masked_words` leaves out of the mean.

        Raises:
            ConfigError: It is not on this machine, lacks weights, or knows fewer tokens or positions than the tokenizer gives.
        """
        super().__init__()
        small = BertConfig(
            vocab_size=vocabulary,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=_heads(config.width),
            intermediate_size=4 * config.width,
            max_position_embeddings=config.max_tokens,
        )
        self.model = load_backbone(config.source, backbone, small, "text")
        self.backbone = own_configuration(self.model)
        settings = self.model.config
        self.width = int(settings.hidden_size)
        self._masked = config.pooling != "legacy_unmasked"
        self._by_length = config.by_length and self._masked
        self._special: Tensor
        left_out = special if config.pooling == "masked_words" else ()
        self.register_buffer("_special", torch.tensor(left_out, dtype=torch.int64), persistent=False)
        if settings.vocab_size < vocabulary:
            raise ConfigError(
                f"The text model knows {settings.vocab_size} tokens, its tokenizer {vocabulary}.", "Take both from the same folder."
            )
        longest = int(getattr(settings, "max_position_embeddings", config.max_tokens))
        if longest < config.max_tokens:
            raise ConfigError(f"The text model reads {longest} tokens at most.", f"Set max_tokens to {longest} or less.")

    def forward(self, tokens: TokenBatch) -> Tensor:
        """Encode S sentences to (S, width)."""
        return encode_by_length(tokens, self._encode) if self._by_length else self._encode(tokens)

    def _encode(self, tokens: TokenBatch) -> Tensor:
        output = self.model(input_ids=tokens.ids, attention_mask=tokens.mask.long(), output_hidden_states=True)
        features = torch.stack(output.hidden_states[-POOLED_LAYERS:]).mean(dim=0)
        words = tokens.mask & ~torch.isin(tokens.ids, self._special) if len(self._special) else tokens.mask
        return mean_of_tokens(features, words if self._masked else None)


def encode_by_length(tokens: TokenBatch, encode: Callable[[TokenBatch], Tensor]) -> Tensor:
    """What `encode` makes of sentences, asked for groups of like length that are cut to their longest, in the sentences' order.

    Args:
        tokens: S sentences, padded on the right.
        encode: Takes sentences, gives a row each that does not depend on their padding.

    Returns:
        (S, width), the same as for all at once up to rounding.
    """
    lengths = tokens.mask.sum(dim=1).clamp(min=1)
    order = torch.argsort(lengths, stable=True)
    group = (lengths[order] + LENGTH_STEP - 1) // LENGTH_STEP
    sizes = torch.unique_consecutive(group, return_counts=True)[1].tolist()
    rows: list[Tensor] = []
    for members in order.split(sizes):
        longest = int(lengths[members].max())
        rows.append(encode(TokenBatch(tokens.ids[members, :longest], tokens.mask[members, :longest])))
    return torch.cat(rows)[torch.argsort(order)]


def _small(config: VisionConfig) -> PreTrainedConfig:
    """A fresh small backbone of the configured family; at 224 px its coarsest grid is 7 cells a side, a ViT's only one 14."""
    if config.family == "vit":
        return ViTConfig(
            image_size=config.size_px,
            patch_size=16,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=_heads(config.width),
            intermediate_size=4 * config.width,
        )
    if config.family == "convnext":
        return ConvNextConfig(hidden_sizes=[24, 48, 96, 192], depths=[1, 1, 2, 1], image_size=config.size_px)
    return SwinConfig(
        image_size=config.size_px,
        patch_size=4,
        embed_dim=24,
        depths=[1, 1, 2, 1],
        num_heads=[1, 2, 4, 8],
        window_size=max(1, min(7, config.size_px // 32)),
    )


def _heads(width: int) -> int:
    return max(heads for heads in (1, 2, 4) if width % heads == 0)


def _stride(backbone: dict[str, Any]) -> int:
    patch = backbone.get("patch_size", 1)
    patch = int(patch if isinstance(patch, int) else patch[0])
    return patch * 2 ** (len(backbone["depths"]) - 1) if "depths" in backbone else patch
