"""What it means that the predictor cannot be imported: a package that is not installed, or one that is and does not work."""

from __future__ import annotations

from egma_core.errors import ConfigError, EgmaError, MissingExtraError

OF_TRAIN = ("safetensors", "torch", "transformers")
"""Packages that come with the extra `train` and that prediction imports."""


def unusable(error: ImportError, purpose: str) -> EgmaError:
    """An import's failure in words.

    Args:
        error: What was raised.
        purpose: What was wanted, as the beginning of a sentence.

    Raises:
        ImportError: The same error, if it is about none of these packages and so a defect of ours.
    """
    package = (error.name or "").partition(".")[0]
    if package not in OF_TRAIN:
        raise error
    if isinstance(error, ModuleNotFoundError) and error.name == package:
        return MissingExtraError(purpose, "train")
    return ConfigError(f"{purpose} needs {package}, which is installed but cannot be loaded ({error}).", f"Install {package} again.")
