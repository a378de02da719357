"""`DicomImage`: one film, decoded, with what is needed to show it correctly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from egma_core.dicom.overlays import OverlayPlane
from egma_core.dicom.shutters import Shutter


@dataclass(frozen=True)
class Window:
    """A VOI window in modality units (PS3.3 C.11.2).

    Attributes:
        center: Window centre.
        width: Window width.
        function: Which of the standard's three functions.
        name: The file's explanation of it, or "".
    """

    center: float
    width: float
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"
    name: str = ""


@dataclass(frozen=True)
class LookupTable:
    """A LUT of the file (PS3.3 C.11.1, C.11.2).

    Attributes:
        first: Input value mapped to the first entry.
        values: (n,) output values; inputs outside take the nearest entry.
        name: The file's explanation of it, or "".
    """

    first: int
    values: NDArray[np.float64]
    name: str = ""


class Rescale(NamedTuple):
    """Stored values to modality units: value * slope + intercept (PS3.3 C.11.1)."""

    slope: float
    intercept: float


@dataclass(frozen=True)
class DicomImage:
    """A film ready to be displayed.

    Attributes:
        pixels: (frames, rows, columns) uint16 for grey films: stored value + `offset`, unused bits masked;
            (frames, rows, columns, 3) uint8 for colour films.
        offset: What was added to stored values so that they fit uint16 (32768 for signed, else 0).
        bits_stored: Bits stored per sample.
        modality_lut: A modality LUT, or None to use slope and intercept.
        slope: Rescale slope.
        intercept: Rescale intercept.
        windows: The file's windows, first one preferred; may be empty.
        voi_luts: The file's VOI LUTs; may be empty. Used before windows when present.
        inverted: Whether low values are bright (MONOCHROME1 or presentation LUT shape INVERSE, counted once).
        presentation_lut: What turns the output of the VOI stage into grey levels, or None; a film that has one is not inverted.
        padding: (low, high) stored values that mean "no picture here", or None.
        pixel_spacing_mm: (down, across) mm between pixel centres, or None if the file does not say.
        spacing_source: What the spacing refers to: `calibrated`, `detector`, `estimated`, or "".
        modality: CR, DX, ...
        view_position: PA, AP, LL, ... or "".
        patient_orientation: (rows' direction, columns' direction) such as ("L", "F"), or ("", "").
        study_uid: Study Instance UID.
        series_uid: Series Instance UID.
        instance_uid: SOP Instance UID.
        sop_class_uid: SOP Class UID.
        pixel_aspect: Height of a pixel divided by its width; 1 where the file does not say.
        frame_windows: Windows of each frame of `pixels`, where the file states them frame by frame; else empty.
        frame_rescales: Slope and intercept of each frame of `pixels`, where the file states them frame by frame; else empty.
        frame_rate_hz: Frames a second at which the film is meant to run, or None.
        frames_in_file: How many frames the file holds, of which `pixels` may be one.
        first_frame: Which of them is the first of `pixels`, counted from 0.
        overlays: Marks that lie over the film; not part of its picture.
        shutter: What part of the film is meant to be seen, or None for all of it.
        notes: What was odd about the file, in words a person can use.
    """

    pixels: NDArray[np.uint16] | NDArray[np.uint8]
    offset: int
    bits_stored: int
    modality_lut: LookupTable | None
    slope: float
    intercept: float
    windows: tuple[Window, ...]
    voi_luts: tuple[LookupTable, ...]
    inverted: bool
    padding: tuple[int, int] | None
    pixel_spacing_mm: tuple[float, float] | None
    spacing_source: str
    modality: str
    view_position: str
    patient_orientation: tuple[str, str]
    study_uid: str
    series_uid: str
    instance_uid: str
    sop_class_uid: str
    pixel_aspect: float = 1.0
    presentation_lut: LookupTable | None = None
    frame_windows: tuple[tuple[Window, ...], ...] = ()
    frame_rescales: tuple[Rescale, ...] = ()
    frame_rate_hz: float | None = None
    frames_in_file: int = 1
    first_frame: int = 0
    overlays: tuple[OverlayPlane, ...] = ()
    shutter: Shutter | None = None
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def plain(cls, pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> DicomImage:
        """A film of which nothing is known but one frame of grey levels, (rows, columns), high values bright."""
        return cls(
            pixels=pixels.astype(np.uint16)[None],
            offset=0,
            bits_stored=8 * pixels.dtype.itemsize,
            modality_lut=None,
            slope=1.0,
            intercept=0.0,
            windows=(),
            voi_luts=(),
            inverted=False,
            padding=None,
            pixel_spacing_mm=None,
            spacing_source="",
            modality="OT",
            view_position="",
            patient_orientation=("", ""),
            study_uid="",
            series_uid="",
            instance_uid="",
            sop_class_uid="",
        )

    @property
    def rows(self) -> int:
        """Pixels down."""
        return self.pixels.shape[1]

    @property
    def columns(self) -> int:
        """Pixels across."""
        return self.pixels.shape[2]

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return self.pixels.shape[0]

    @property
    def is_colour(self) -> bool:
        """Whether the film is RGB."""
        return self.pixels.ndim == 4

    def windows_of(self, frame: int) -> tuple[Window, ...]:
        """The file's windows for a frame of `pixels`, the preferred one first; may be empty."""
        own = self.frame_windows[frame] if frame < len(self.frame_windows) else ()
        return own or self.windows

    def rescale_of(self, frame: int) -> Rescale:
        """Slope and intercept for a frame of `pixels`."""
        return self.frame_rescales[frame] if frame < len(self.frame_rescales) else Rescale(self.slope, self.intercept)

    def marked(self, frame: int) -> NDArray[np.bool_]:
        """(rows, columns) bool: what any overlay marks in a frame of `pixels`."""
        planes = [plane.over(self.rows, self.columns, self.first_frame + frame) for plane in self.overlays]
        return np.logical_or.reduce(planes) if planes else np.zeros((self.rows, self.columns), np.bool_)

    def shut(self) -> NDArray[np.bool_] | None:
        """(rows, columns) bool: what the film's shutters hide; None if they hide nothing."""
        return None if self.shutter is None else self.shutter.outside(self.rows, self.columns)
