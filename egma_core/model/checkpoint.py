"""Checkpoints: a model as a sealed folder of safetensors and JSON; nothing in it can run code.

`config.json` (the model's configuration, its grid, pretrained backbones' own configurations), `model.safetensors`,
`tokenizer.json`, `preprocessing.json`, `provenance.json`, and `MANIFEST.sha256` over them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from egma_core.errors import CheckpointError, ConfigError
from egma_core.model.code import code_version
from egma_core.model.config import ModelConfig
from egma_core.model.egma import Egma
from egma_core.model.preprocess import MEAN, STANDARD_DEVIATION
from egma_core.model.sealed import check_seal, write_sealed
from egma_core.model.sources import without_folders
from egma_core.model.tokens import read_tokenizer
from egma_core.options import from_mapping, to_mapping

FORMAT = 1
CONFIG, WEIGHTS, TOKENIZER, PREPROCESSING, PROVENANCE = (
    "config.json",
    "model.safetensors",
    "tokenizer.json",
    "preprocessing.json",
    "provenance.json",
)
MODEL_FILES = (CONFIG, WEIGHTS, TOKENIZER, PREPROCESSING, PROVENANCE)


def save_model(folder: Path, model: Egma, provenance: Mapping[str, Any], *, more: Callable[[Path], None] | None = None) -> None:
    """Write a checkpoint, whole or not at all; an older checkpoint of that name is replaced.

    Args:
        folder: The checkpoint's folder.
        model: The model.
        provenance: Plain values that say where it comes from: the manifest's hash, the configuration, the parent
            checkpoint's hash. The versions of this program (see `code_version`) and of the libraries that computed it are added.
        more: Writes further files into the folder before it is sealed, such as the optimiser's state.

    Raises:
        CheckpointError: Something that is no checkpoint is in the way, or the disk refuses.
    """

    def write(unfinished: Path) -> None:
        vision, text = model.backbones
        description = {
            "format": FORMAT,
            "model_type": "egma",
            "model": to_mapping(shareable(model.config)),
            "grid": list(model.grid),
            "vision_backbone": vision,
            "text_backbone": text,
        }
        _write_json(unfinished / CONFIG, description)
        _write_json(unfinished / PREPROCESSING, _preprocessing(model.config))
        versions = {**code_version(), "torch": str(torch.__version__)}
        if vision or text:
            versions["transformers"] = version("transformers")
        _write_json(unfinished / PROVENANCE, {**provenance, **versions})
        (unfinished / TOKENIZER).write_text(model.tokenizer.to_json(), encoding="utf-8", newline="\n")
        weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
        save_tensors(unfinished / WEIGHTS, weights)
        if more is not None:
            more(unfinished)

    write_sealed(folder, write)


def shareable(config: ModelConfig) -> ModelConfig:
    """A model's configuration without this machine's folders in it: of a local source its last part alone."""
    vision, text = config.vision, config.text
    return replace(
        config,
        vision=replace(vision, source=without_folders(vision.source)),
        text=replace(text, source=without_folders(text.source)),
    )


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors as a safetensors file.

    Raises:
        CheckpointError: The disk refuses.
    """
    try:
        save_file(dict(tensors), path, metadata={"format": "pt"})
    except SafetensorError as error:  # what the library makes of a full disk
        raise CheckpointError(f"{path.name} could not be written ({error}).", "Look at the disk's free space and rights.") from error


def load_model(folder: Path, device: torch.device | str = "cpu") -> Egma:
    """Read a checkpoint, ready to predict (`eval` mode); every file is checked against its hash first.

    Raises:
        CheckpointError: The folder is missing, no checkpoint, damaged, or not of a model that this program builds.
        MissingExtraError: Its encoders need transformers, and that is not installed.
    """
    check_seal(folder, MODEL_FILES)
    description = _read_json(folder, CONFIG)
    if description.get("model_type") != "egma" or description.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder.name} is not a checkpoint that this version reads.", "Use the version of the program that wrote it, or a newer one."
        )
    try:
        config = from_mapping(ModelConfig, description["model"])
        if _read_json(folder, PREPROCESSING) != _preprocessing(config):
            raise CheckpointError(
                f"The checkpoint {folder.name} was made for pictures prepared in another way.",
                "Use the version of the program that wrote it.",
            )
        tokenizer = read_tokenizer(folder / TOKENIZER, config.text)
        model = Egma(config, tokenizer, (description["vision_backbone"], description["text_backbone"]))
        model.load_state_dict(_under_current_names(model, load_file(folder / WEIGHTS)))
    except (ConfigError, KeyError, RuntimeError, OSError, SafetensorError) as error:
        detail = error.what if isinstance(error, ConfigError) else "Its weights and its configuration do not belong together."
        raise CheckpointError(f"The checkpoint {folder.name} cannot be used. {detail}", "Use another checkpoint.") from error
    if list(model.grid) != description.get("grid"):
        raise CheckpointError(
            f"The checkpoint {folder.name} had another grid of patches.", "Use the version of transformers that trained it."
        )
    return model.to(device).eval()


def find_checkpoint(path: Path) -> Path:
    """The checkpoint at a path: the folder itself, or, where it is a training run's, the checkpoint its `best` names, else its `latest`.

    Raises:
        CheckpointError: A run has no checkpoint yet, or names one that is not there.
    """
    checkpoints = path / "checkpoints"
    if not checkpoints.is_dir():
        return path
    pointer = next((path / name for name in ("best", "latest") if (path / name).is_file()), None)
    if pointer is None:
        raise CheckpointError(f"The run {path.name} has no checkpoint yet.", "Train it for longer, or choose another.")
    folder = checkpoints / pointer.read_text(encoding="utf-8").strip()
    if folder.parent != checkpoints or not folder.is_dir():
        raise CheckpointError(
            f"The run {path.name} names a checkpoint that is not there.", f"Choose one of the folders below {checkpoints.name}."
        )
    return folder


def read_provenance(folder: Path) -> dict[str, Any]:
    """Where a checkpoint comes from, as it was saved; the folder's hashes are `load_model`'s to check.

    Raises:
        CheckpointError: The folder is no checkpoint.
    """
    return _read_json(folder, PROVENANCE)


def _under_current_names(model: Egma, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """A model's weights, those of transformers encoders under the names that this installation's transformers gives them."""
    for part, backbone in zip(("vision", "text"), model.backbones, strict=True):
        if backbone is not None:
            from egma_core.model.backbones import current_names

            prefix = f"{part}.model."
            own = {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}
            others = {name: value for name, value in weights.items() if not name.startswith(prefix)}
            weights = others | {prefix + name: value for name, value in current_names(getattr(model, part).model, own).items()}
    return weights


def _preprocessing(config: ModelConfig) -> dict[str, Any]:
    return {
        "size_px": config.vision.size_px,
        "mean": MEAN,
        "standard_deviation": STANDARD_DEVIATION,
        "pad": "centred square, black",
        "resize": "bilinear, antialiased",
    }


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"The checkpoint {folder.name} has no readable {name}.", "Use another checkpoint.") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"The checkpoint {folder.name} has no readable {name}.", "Use another checkpoint.")
    return cast(dict[str, Any], content)
