"""Models of the transformers library: loaded from this machine alone, or built fresh from a configuration.

This module is imported only when such a model is asked for, since transformers takes seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging as library_log

from egma_core.errors import ConfigError
from egma_core.model.sources import missing_source

Backbone = dict[str, Any]
"""A model's own configuration as plain values, `model_type` among them."""

TAKES = {"vision": "pixel_values", "text": "input_ids"}
"""What the model of a part is given first."""

UNUSED = "pooler."
"""Whole pictures and sentences are means of their parts here; a pooling layer would have no gradient."""


def load_backbone(source: str, backbone: Backbone | None, small: PreTrainedConfig, part: str) -> PreTrainedModel:
    """Load a model from `source`, or build it with fresh weights: from `backbone` where that is given, else from `small`.

    Args:
        source: Local folder, or hub name that is in this machine's cache; empty for a fresh one.
        backbone: The model's own configuration, when its weights will be loaded from elsewhere.
        small: Configuration of a fresh small model.
        part: `vision` or `text`: the group of settings that names the source.

    Raises:
        ConfigError: The source is not on this machine, lacks weights, or is not of a kind that serves.
    """
    if backbone is not None or not source:
        model = AutoModel.from_config(small if backbone is None else _configuration(backbone), trust_remote_code=False)
    else:
        try:
            with _quietly():
                model, loading = AutoModel.from_pretrained(
                    source, local_files_only=True, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
                )
        except (OSError, ValueError) as error:
            raise missing_source(source, part) from error
        except RuntimeError as error:
            raise ConfigError(
                f"The weights of the {part} model {source} do not fit its own configuration.", "Download it again."
            ) from error
        missing = sorted(key for key in loading["missing_keys"] if not key.startswith(UNUSED))
        if missing:
            raise ConfigError(f"The {part} model {source} lacks {len(missing)} weights, the first {missing[0]}.", "Download it again.")
    widths = ("hidden_size", "hidden_sizes") if part == "vision" else ("hidden_size",)
    known_width = any(hasattr(model.config, name) for name in widths)
    if model.main_input_name != TAKES[part] or model.config.is_encoder_decoder or not known_width:
        kind = "an image encoder such as Swin, ViT or ConvNeXt" if part == "vision" else "a text encoder such as BERT"
        raise ConfigError(f"The {part} model is a {type(model).__name__}, which does not serve.", f"Choose {kind}.")
    if hasattr(model, "pooler"):
        model.pooler = None
    return model


def read_backbone(source: str, part: str) -> Backbone:
    """The own configuration of a model at `source`; its weights need not be there.

    Raises:
        ConfigError: It is not on this machine, or of a kind that is not known.
    """
    try:
        return _plain(AutoConfig.from_pretrained(source, local_files_only=True, trust_remote_code=False))
    except (OSError, ValueError) as error:
        raise missing_source(source, part) from error


def own_configuration(model: PreTrainedModel) -> Backbone:
    """The model's configuration, from which `load_backbone` builds it again; where it was loaded from is left out."""
    return _plain(model.config)


def current_names(model: PreTrainedModel, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A model's weights under the names that the installed transformers gives them; older releases called some differently.

    Args:
        model: The model whose weights they are.
        weights: All of its weights.

    Raises:
        ConfigError: One is missing, has no place in the model, or has another shape; the message names the first.
    """
    expected = model.state_dict()
    if weights.keys() == expected.keys() and all(weights[name].shape == value.shape for name, value in expected.items()):
        return dict(weights)
    with _quietly():
        renamed, loading = cast(Any, type(model)).from_pretrained(
            None, config=model.config, state_dict=dict(weights), output_loading_info=True, ignore_mismatched_sizes=True, dtype=torch.float32
        )
    for key, trouble in (
        ("unexpected_keys", "has no place in the model"),
        ("mismatched_keys", "has another shape than in the model"),
        ("missing_keys", "is missing"),
    ):
        # What the model was saved with and does without, such as its pooling layer, is neither missing nor wrong.
        names = sorted(name if isinstance(name, str) else name[0] for name in loading[key])
        found = [name for name in names if not name.startswith(UNUSED)]
        if found:
            raise ConfigError(f"The weight {found[0]} {trouble} ({len(found)} such in all).", "Take the weights of another file.")
    return {name: value for name, value in renamed.state_dict().items() if not name.startswith(UNUSED)}


def _configuration(backbone: Backbone) -> PreTrainedConfig:
    values = dict(backbone)
    kind = values.pop("model_type", None)
    try:
        return AutoConfig.for_model(kind, **values)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"This installation's transformers does not know the backbone {kind!r}.", "Install a newer transformers."
        ) from error


def _plain(config: PreTrainedConfig) -> Backbone:
    values = config.to_dict()
    values.pop("_name_or_path", None)
    return values


@contextmanager
def _quietly() -> Generator[None, None, None]:
    """Without the library's progress bars and reports on standard error: what matters of them is said in our own words."""
    verbosity, bars = library_log.get_verbosity(), library_log.is_progress_bar_enabled()
    library_log.set_verbosity(logging.CRITICAL)
    library_log.disable_progress_bar()
    try:
        yield
    finally:
        library_log.set_verbosity(verbosity)
        if bars:
            library_log.enable_progress_bar()
