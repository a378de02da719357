"""What to say when a pretrained model is not at hand: what to download, and where to put it."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath

from egma_core.errors import ConfigError

HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", re.ASCII)


def without_folders(source: str) -> str:
    """A source as it may be told to others: a hub name as it is, of a local path its last part alone."""
    if HUB_NAME.fullmatch(source) and not Path(source).exists():
        return source
    return PureWindowsPath(source).name  # which takes both kinds of slash


def missing_source(source: str, part: str) -> ConfigError:
    """The error for a pretrained model that cannot be read.

    Args:
        source: The folder or hub name that was configured.
        part: `vision` or `text`: the group of settings that names it.
    """
    if Path(source).is_dir():
        return ConfigError(
            f"The folder {source} holds no {part} model that can be read.",
            "It needs config.json, the weights, and for text the tokenizer, in the form of the transformers library.",
        )
    return ConfigError(
        f"The {part} model {source} is not on this machine, and nothing is downloaded unasked.",
        f"Run `hf download {source}` once, or copy its folder here and set {part}.source to that folder.",
    )
