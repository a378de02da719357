"""MedCLIP's published weights (a Swin and a Bio_ClinicalBERT in one `pytorch_model.bin`), turned into a checkpoint of ours.

The file is somebody else's pickle: torch's restricted reader opens it, which builds tensors and nothing else, and every
weight in it must be expected, at hand as numbers, and of the right shape. Layout: the MedCLIP project's own code and its users' reports.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from egma_core.errors import CheckpointError, ConfigError, MissingExtraError
from egma_core.model.checkpoint import save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.sealed import file_digest
from egma_core.model.tokens import PretrainedTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

VISION_SOURCE = "microsoft/swin-tiny-patch4-window7-224"
TEXT_SOURCE = "emilyalsentzer/Bio_ClinicalBERT"

LARGEST_BYTES = 4 * 2**30
"""A MedCLIP file holds half a gigabyte; what unpacks to far more is none."""

UNREADABLE = (
    OSError,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
    RuntimeError,
    ValueError,
    LookupError,
    EOFError,
    TypeError,
    AttributeError,
)
"""What the readers of archives and pickles raise for files that are none, or were put together by hand."""

ENCODERS = {"vision_model.model.": "vision", "text_model.model.": "text"}
"""Names of an encoder's weights begin so."""

OTHERS = {
    "vision_model.projection_head.weight": "vision_projection.weight",
    "text_model.projection_head.weight": "text_projection.weight",
    "logit_scale": "log_scale",
}
"""All other weights, and what they are called here."""

COUNTERS = (".position_ids", ".relative_position_index")
"""Tables of whole numbers that older releases of transformers kept among the weights; they follow from the configuration."""


def import_medclip(
    path: Path,
    out: Path,
    *,
    vision_source: str = VISION_SOURCE,
    text_source: str = TEXT_SOURCE,
    size_px: int = 224,
    legacy: bool = False,
) -> Egma:
    """Write a checkpoint that holds the weights of a MedCLIP-ViT file.

    The model scores a film as a whole, which is what MedCLIP was trained for. BERT's pooling layer, which neither
    MedCLIP nor this model computes with, and tables that follow from the configuration are left behind.

    Args:
        path: MedCLIP's `pytorch_model.bin`.
        out: The checkpoint's folder.
        vision_source: Local folder, or hub name in this machine's cache, of the image backbone; only its `config.json` is read.
        text_source: The same of the text model; its `config.json` and its tokenizer are read.
        size_px: Side of the pictures that the model will see.
        legacy: Average sentences over padding too, as MedCLIP does, and take patches before the last LayerNorm, as the
            paper's release does.

    Returns:
        The model, ready to predict.

    Raises:
        CheckpointError: The file cannot be read, or a weight is missing, unexpected or of another shape or type; it is named.
        ConfigError: A source is not on this machine, or the pictures' size does not suit the backbone.
        MissingExtraError: transformers is not installed.
    """
    try:
        from egma_core.model.backbones import read_backbone
    except ImportError as error:
        raise MissingExtraError("Importing MedCLIP's weights", "train") from error
    weights = _read(path)
    backbones = read_backbone(vision_source, "vision"), read_backbone(text_source, "text")
    config = ModelConfig(
        VisionConfig(kind="transformers", source=vision_source, size_px=size_px, patch_source="pre_ln" if legacy else "post_ln"),
        TextConfig(kind="transformers", source=text_source, max_tokens=77, pooling="legacy_unmasked" if legacy else "masked"),
        score="global",
    )
    config = replace(config, embed_dim=_width(path, weights))
    model = Egma(config, PretrainedTokenizer.of(config.text), backbones).eval()
    model.load_state_dict(_migrated(path, weights, model))
    model.clamp_scale()
    save_model(out, model, {"imported": "MedCLIP", "parent": file_digest(path)})
    return model


def _read(path: Path) -> dict[str, Tensor]:
    """Every weight of the file, by its name there."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST_BYTES:
            raise CheckpointError(f"{path.name} unpacks to {unpacked / 2**30:.0f} GiB.", "MedCLIP's file holds half of one.")
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no file {path}.", "Give MedCLIP's pytorch_model.bin.") from error
    except UNREADABLE as error:
        raise CheckpointError(
            f"{path.name} cannot be read as a file of weights, or holds something that is none.", "Give MedCLIP's pytorch_model.bin."
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path.name} holds no named weights.", "Give MedCLIP's pytorch_model.bin.")
    return {_checked_name(path, name, value): value for name, value in cast(Mapping[Any, Any], content).items()}


def _checked_name(path: Path, name: Any, value: Any) -> str:
    if not isinstance(name, str) or not (name in OTHERS or name.startswith(tuple(ENCODERS))):
        raise _refused(path, f"{name!s:.80} has no place in a MedCLIP-ViT")
    # A view can claim any shape at no cost, and takes its memory only when it is copied.
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized or not value.is_contiguous():
        raise _refused(path, f"{name:.80} is no plain array of numbers")
    if not name.endswith(COUNTERS) and (not value.is_floating_point() or not bool(torch.isfinite(value).all())):
        raise _refused(path, f"{name:.80} holds values that are no finite real numbers")
    return name


def _width(path: Path, weights: Mapping[str, Tensor]) -> int:
    """Dimensions of the shared space, as both projections have them."""
    heads = [name for name in OTHERS if name.endswith("projection_head.weight")]
    for name in OTHERS:
        if name not in weights:
            raise _refused(path, f"{name} is missing")
    widths = {weights[name].shape[0] for name in heads if weights[name].ndim == 2}
    if len(widths) != 1 or not 8 <= (width := widths.pop()) <= 4096:
        raise _refused(path, f"{heads[0]} and {heads[1]} do not lead into one space")
    return width


def _migrated(path: Path, weights: Mapping[str, Tensor], model: Egma) -> dict[str, Tensor]:
    """The model's state as the file has it."""
    from egma_core.model.backbones import current_names

    expected = model.state_dict()
    state: dict[str, Tensor] = {}
    for name, ours in OTHERS.items():
        value = weights[name].reshape(()) if name == "logit_scale" and weights[name].numel() == 1 else weights[name]
        if value.shape != expected[ours].shape:
            raise _refused(path, f"{name} has the shape {tuple(value.shape)}, not {tuple(expected[ours].shape)}")
        state[ours] = value.float()
    for prefix, part in ENCODERS.items():
        backbone = cast("PreTrainedModel", getattr(model, part).model)
        own = {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix) and not name.endswith(COUNTERS)}
        try:
            found = current_names(backbone, own)
        except ConfigError as error:
            raise CheckpointError(
                f"{path.name} does not fit, below {prefix[:-1]}: {error.what}", "Give MedCLIP-ViT's file and its own two sources."
            ) from error
        state |= {f"{part}.model.{name}": value for name, value in found.items()}
    return state


def _refused(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{path.name} is not taken: {reason}.", "Give the pytorch_model.bin of MedCLIP-ViT.")
