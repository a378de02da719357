"""Films to look at."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from egma_core.dicom.image import DicomImage

MakeFilm = Callable[..., DicomImage]


@pytest.fixture
def make_film() -> MakeFilm:
    """Build a film: noise of 12 bits with an L of bright pixels near the top left, so that any flip or turn shows."""

    def make(rows: int = 120, columns: int = 90, frames: int = 1, *, colour: bool = False, **fields: Any) -> DicomImage:
        random = np.random.default_rng(7)
        if colour:
            pixels = random.integers(0, 256, (frames, rows, columns, 3)).astype(np.uint8)
        else:
            pixels = random.integers(100, 3000, (frames, rows, columns)).astype(np.uint16)
            pixels[:, 10:40, 10:14] = 4000
            pixels[:, 36:40, 10:30] = 4000
        film = DicomImage(
            pixels=pixels,
            offset=0,
            bits_stored=8 if colour else 12,
            modality_lut=None,
            slope=1.0,
            intercept=0.0,
            windows=(),
            voi_luts=(),
            inverted=False,
            padding=None,
            pixel_spacing_mm=None,
            spacing_source="",
            modality="DX",
            view_position="PA",
            patient_orientation=("", ""),
            study_uid="2.25.1",
            series_uid="2.25.2",
            instance_uid="2.25.3",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.1.1",
        )
        return dataclasses.replace(film, **fields)

    return make
