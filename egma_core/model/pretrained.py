"""Pretrained encoders: any vision backbone with a patch grid and any BERT-like text model of the transformers library.

They come from a local folder or from the Hugging Face cache on this machine, never from the network; or fresh and
small, for trying things out. This module is imported only when such an encoder is asked for, since transformers takes seconds.
"""

from __future__ import annotations

import inspect
import math
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

    def __init__(self, config: TextConfig, vocabulary: int, backbone: Backbone | None = None) -> None:
        """Load it from `config.source`, or build it fresh from `backbone`, its own configuration, or small for `vocabulary` ids.

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
        self._masked = config.pooling == "masked"
        if settings.vocab_size < vocabulary:
            raise ConfigError(
                f"The text model knows {settings.vocab_size} tokens, its tokenizer {vocabulary}.", "Take both from the same folder."
            )
        longest = int(getattr(settings, "max_position_embeddings", config.max_tokens))
        if longest < config.max_tokens:
            raise ConfigError(f"The text model reads {longest} tokens at most.", f"Set max_tokens to {longest} or less.")

    def forward(self, tokens: TokenBatch) -> Tensor:
        """Encode S sentences to (S, width)."""
        output = self.model(input_ids=tokens.ids, attention_mask=tokens.mask.long(), output_hidden_states=True)
        features = torch.stack(output.hidden_states[-POOLED_LAYERS:]).mean(dim=0)
        return mean_of_tokens(features, tokens.mask if self._masked else None)


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
