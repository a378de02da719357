"""The errors this project raises, as one tree: what happened, to which thing, what to do about it.

The core raises these; only the program's outer edge (the command line, the window's messages) turns them
into words for a person. Anything outside this tree that reaches the edge is a defect of ours.
"""

from __future__ import annotations


class EgmaError(Exception):
    """Something a person can act on.

    Attributes:
        what: One sentence that says what happened, naming the thing it happened to.
        remedy: One sentence that says what to do about it; may be empty.
    """

    def __init__(self, what: str, remedy: str = "") -> None:
        """Keep the two sentences apart, so that a window can set them apart."""
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        """Both sentences on one line."""
        return f"{self.what} {self.remedy}".strip()


class MissingExtraError(EgmaError):
    """A part of the program needs a package that is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        """Name what was wanted and the extra that brings it."""
        super().__init__(f"{purpose} needs packages that are not installed.", f"Install them with: pip install 'egma[{extra}]'")


class ConfigError(EgmaError):
    """A setting, configuration file or command-line value is not usable."""


class FrameMismatchError(EgmaError):
    """Two transforms were composed whose frames of reference do not meet. Always a defect of the caller."""


class ImageError(EgmaError):
    """A film cannot be shown."""


class UnsupportedImageError(ImageError):
    """The film is sound but of a kind this program does not show."""


class DamagedImageError(ImageError):
    """The file is truncated, corrupt or not a film at all."""


class MissingDecoderError(ImageError):
    """The film is compressed in a way no installed decoder reads."""


class InterchangeError(EgmaError):
    """A file of somebody's format cannot be imported or exported."""


class FilmRefusedError(InterchangeError):
    """One film of an import is left out; the others go on."""


class FilmSetAsideError(FilmRefusedError):
    """One film of an import waits for somebody to look at its picture before it comes in."""


class PacsError(EgmaError):
    """A PACS cannot be reached, or refuses what was asked of it."""


class PrivacyError(EgmaError):
    """Going on would let something identifying out, or the key that protects it is missing."""


class StoreError(EgmaError):
    """The library cannot be opened, read or written."""


class TrackerError(EgmaError):
    """The eye tracker cannot be used."""


class RecordingError(EgmaError):
    """A reading cannot be recorded, or recording had to stop."""


class SpeechError(EgmaError):
    """Speech cannot be read, heard or written down."""


class AlignmentError(SpeechError):
    """The words of a text cannot be found in a stretch of audio."""


class CheckpointError(EgmaError):
    """A checkpoint is missing, torn, or not of this model."""


class TrainingError(EgmaError):
    """Training cannot start or go on."""
