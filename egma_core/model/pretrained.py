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
from transformers import AutoConfig, AutoModel, BertConfig, PreTrainedConfig, PreTrainedModel, SwinConfig

from egma_core.errors import ConfigError
from egma_core.model.config import TextConfig, VisionConfig
from egma_core.model.encoders import PatchFeatures, mean_of_tokens
from egma_core.model.sources import missing_source
from egma_core.model.tokens import TokenBatch

POOLED_LAYERS = 4
"""A sentence is the mean over the text model's last four layers (the paper's release)."""


class PretrainedVision(nn.Module):
    """A transformers vision backbone, read as a grid of patches."""

    def __init__(self, config: VisionConfig, backbone: dict[str, Any] | None = None) -> None:
        """Load it from `config.source`, or build it fresh from `backbone`, its own configuration, or small.

        Raises:
            ConfigError: It is not on this machine, lacks weights, or does not take pictures of `config.size_px`.
        """
        super().__init__()
        small = SwinConfig(
            image_size=config.size_px,
            patch_size=4,
            embed_dim=24,
            depths=[1, 1, 2, 1],
            num_heads=[1, 2, 4, 8],
            window_size=max(1, min(7, config.size_px // 32)),
        )
        self.model = _model(config.source, backbone, small, "vision")
        self.backbone = _own_configuration(self.model)
        self.width = int(getattr(self.model, "num_features", 0) or self.backbone.get("hidden_size") or self.backbone["hidden_sizes"][-1])
        self._pre_norm = config.patch_source == "pre_ln"
        self._stride = _stride(self.backbone)
        self._window = int(self.backbone.get("window_size", 1))
        self._interpolates = "interpolate_pos_encoding" in inspect.signature(self.model.forward).parameters

    def forward(self, pixels: Tensor) -> PatchFeatures:
        """Encode (B, 1, S, S) normalised pictures, grey repeated to the three channels.

        Raises:
            ConfigError: S is not a whole number of patches, or the backbone gives no square grid.
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
        output = self.model(pixels.expand(-1, 3, -1, -1), output_hidden_states=True, **arguments)
        before, after = output.hidden_states[-1], output.last_hidden_state
        if after.ndim == 4:
            # Convolutional backbones normalise the mean over the map only; here it is done a cell.
            before = after.flatten(2).transpose(1, 2)
            norm = getattr(self.model, "layernorm", None)
            after = norm(before) if isinstance(norm, nn.Module) else before
        columns = math.isqrt(after.shape[1])
        if side % columns:
            raise ConfigError(
                "This image encoder gives no square grid of patches.", "Choose one with a patch grid, such as Swin, ViT or ConvNeXt."
            )
        # Class and register tokens come first and are no patches.
        first = after.shape[1] - columns * columns
        after = after[:, first:]
        return PatchFeatures(before[:, first:] if self._pre_norm else after, after.mean(dim=1), columns, columns)


class PretrainedText(nn.Module):
    """A BERT-like text model; a sentence is the mean over its last four layers and its tokens."""

    def __init__(self, config: TextConfig, vocabulary: int, backbone: dict[str, Any] | None = None) -> None:
        """Load it from `config.source`, or build it fresh from `backbone`, its own configuration, or small for `vocabulary` ids.

        Raises:
            ConfigError: It is not on this machine, lacks weights, or its vocabulary is smaller than the tokenizer's.
        """
        super().__init__()
        heads = max(h for h in (1, 2, 4) if config.width % h == 0)
        small = BertConfig(
            vocab_size=vocabulary,
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=heads,
            intermediate_size=4 * config.width,
            max_position_embeddings=config.max_tokens,
        )
        self.model = _model(config.source, backbone, small, "text")
        self.backbone = _own_configuration(self.model)
        self.width = int(self.backbone["hidden_size"])
        self._masked = config.pooling == "masked"
        known = int(self.backbone["vocab_size"])
        if known < vocabulary:
            raise ConfigError(f"The text model knows {known} tokens, its tokenizer {vocabulary}.", "Take both from the same folder.")

    def forward(self, tokens: TokenBatch) -> Tensor:
        """Encode S sentences to (S, width)."""
        output = self.model(input_ids=tokens.ids, attention_mask=tokens.mask.long(), output_hidden_states=True)
        features = torch.stack(output.hidden_states[-POOLED_LAYERS:]).mean(dim=0)
        return mean_of_tokens(features, tokens.mask if self._masked else None)


def _model(source: str, backbone: dict[str, Any] | None, small: PreTrainedConfig, part: str) -> PreTrainedModel:
    if backbone is not None or not source:
        model = AutoModel.from_config(small if backbone is None else _configuration(backbone))
    else:
        try:
            model, loading = AutoModel.from_pretrained(source, local_files_only=True, dtype=torch.float32, output_loading_info=True)
        except (OSError, ValueError) as error:
            raise missing_source(source, part) from error
        except RuntimeError as error:
            raise ConfigError(
                f"The weights of the {part} model {source} do not fit its own configuration.", "Download it again."
            ) from error
        missing = sorted(key for key in loading["missing_keys"] if not key.startswith("pooler."))
        if missing:
            raise ConfigError(f"The {part} model {source} lacks {len(missing)} weights, the first {missing[0]}.", "Download it again.")
    if hasattr(model, "pooler"):
        # Whole pictures and sentences are means of their parts here; an unused layer would have no gradient.
        model.pooler = None
    return model


def _configuration(backbone: dict[str, Any]) -> PreTrainedConfig:
    values = dict(backbone)
    kind = values.pop("model_type", None)
    try:
        return AutoConfig.for_model(kind, **values)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"This installation's transformers does not know the backbone {kind!r}.", "Install a newer transformers."
        ) from error


def _own_configuration(model: PreTrainedModel) -> dict[str, Any]:
    values = model.config.to_dict()
    values.pop("_name_or_path", None)
    return values


def _stride(backbone: dict[str, Any]) -> int:
    patch = backbone.get("patch_size", 1)
    patch = int(patch if isinstance(patch, int) else patch[0])
    return patch * 2 ** (len(backbone["depths"]) - 1) if "depths" in backbone else patch
