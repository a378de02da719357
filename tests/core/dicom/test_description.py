"""What a film says about being shown, also when it says it badly."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from egma_core.dicom.image import Window
from egma_core.dicom.reader import read_image

PIXELS = np.zeros((4, 6), np.uint16)


def item(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("modality", "tags", "spacing", "source"),
    [
        ("DX", {}, None, ""),
        ("DX", {"ImagerPixelSpacing": [0.2, 0.1]}, (0.2, 0.1), "detector"),
        ("DX", {"ImagerPixelSpacing": [0.2, 0.2], "EstimatedRadiographicMagnificationFactor": "1.25"}, (0.16, 0.16), "estimated"),
        (
            "DX",
            {"ImagerPixelSpacing": [0.2, 0.2], "DistanceSourceToDetector": "1800", "DistanceSourceToPatient": "1500"},
            (1 / 6, 1 / 6),
            "estimated",
        ),
        ("DX", {"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]}, (0.2, 0.2), "detector"),
        ("DX", {"PixelSpacing": [0.15, 0.15], "ImagerPixelSpacing": [0.2, 0.2]}, (0.15, 0.15), "calibrated"),
        ("DX", {"PixelSpacing": [0.2, 0.2], "PixelSpacingCalibrationType": "FIDUCIAL"}, (0.2, 0.2), "calibrated"),
        ("DX", {"PixelSpacing": [0.2, 0.2]}, (0.2, 0.2), "detector"),
        ("CT", {"PixelSpacing": [0.7, 0.7]}, (0.7, 0.7), "calibrated"),
        ("DX", {"PixelSpacing": [0, 0]}, None, ""),
        ("OT", {"NominalScannedPixelSpacing": [0.3, 0.3]}, (0.3, 0.3), "detector"),
    ],
)
def test_spacing_says_what_it_refers_to(make_dicom, modality: str, tags: dict[str, object], spacing: object, source: str) -> None:
    image = read_image(make_dicom(PIXELS, Modality=modality, **tags))
    assert image.pixel_spacing_mm == (pytest.approx(spacing) if spacing else None)
    assert image.spacing_source == source


def test_the_aspect_of_pixels_comes_from_spacing_or_else_from_the_ratio(make_dicom) -> None:
    assert read_image(make_dicom(PIXELS)).pixel_aspect == 1.0
    assert read_image(make_dicom(PIXELS, PixelAspectRatio=[2, 1])).pixel_aspect == 2.0
    assert read_image(make_dicom(PIXELS, PixelSpacing=[0.3, 0.2], PixelAspectRatio=[1, 1])).pixel_aspect == pytest.approx(1.5)


def test_unusable_windows_are_left_out_and_noted(make_dicom) -> None:
    path = make_dicom(
        PIXELS, WindowCenter=["100", "200", "300"], WindowWidth=["0", "50", "60"], WindowCenterWidthExplanation=["A", "B", "C"]
    )
    content = path.read_bytes()
    assert content.count(b"50\\60") == 1
    path.write_bytes(content.replace(b"0\\50\\60", b"0\\50\\a "))
    image = read_image(path)
    assert image.windows == (Window(200.0, 50.0, "LINEAR", "B"),)
    assert "A window of the film is not usable and was left out." in image.notes


def test_a_linear_window_narrower_than_one_is_taken_exactly(make_dicom) -> None:
    path = make_dicom(PIXELS, WindowCenter="0.5", WindowWidth="0.25", RescaleSlope="0.001", RescaleIntercept="0")
    assert read_image(path).windows == (Window(0.5, 0.25, "LINEAR_EXACT"),)


@pytest.mark.parametrize(
    ("photometric", "shape", "inverted"),
    [
        ("MONOCHROME1", None, True),
        ("MONOCHROME2", None, False),
        ("MONOCHROME1", "INVERSE", True),
        ("MONOCHROME2", "IDENTITY", False),
        ("MONOCHROME2", "INVERSE", True),
        ("MONOCHROME1", "LIN OD", True),
    ],
)
def test_polarity_is_counted_once(make_dicom, photometric: str, shape: str | None, inverted: bool) -> None:
    tags = {"PresentationLUTShape": shape} if shape else {}
    assert read_image(make_dicom(PIXELS, PhotometricInterpretation=photometric, **tags)).inverted is inverted


@pytest.mark.parametrize("representation", [0, 1])
def test_padding_is_in_stored_values_whatever_its_type(make_dicom, representation: int) -> None:
    kind = np.int16 if representation else np.uint16
    tags = {"PixelPaddingValue": -2000, "PixelPaddingRangeLimit": -1990} if representation else {"PixelPaddingValue": 63536}
    found = read_image(make_dicom(PIXELS.astype(kind), **tags)).padding
    assert found == ((-2000, -1990) if representation else (63536, 63536))


@pytest.mark.parametrize(
    ("descriptor", "data"),
    [
        ([4, 10, 16], [0, 100, 200, 400]),
        ([4, 10, 16], np.array([0, 100, 200, 400], "<u2").tobytes()),
        ([4, 10, 8], bytes([0, 100, 200, 40])),
        ([4, 10, 8], np.array([0, 100, 200, 40], "<u2").tobytes()),
        ([3, 10, 8], bytes([0, 100, 200, 0])),
    ],
    ids=["words", "bytes of words", "packed bytes", "one byte a word", "odd number of bytes"],
)
def test_lookup_tables_are_read_in_every_packing(make_dicom, descriptor: list[int], data: object) -> None:
    entry = Dataset()
    entry.add_new("LUTDescriptor", "US", descriptor)
    entry.add_new("LUTData", "US" if isinstance(data, list) else "OW", data)
    (table,) = read_image(make_dicom(PIXELS, VOILUTSequence=[entry])).voi_luts
    assert table.first == 10 and len(table.values) == descriptor[0]
    assert table.values[:3].tolist() == [0, 100, 200]


def test_the_first_input_of_a_table_has_the_sign_of_the_pixels(make_dicom) -> None:
    entry = Dataset()
    entry.add_new("LUTDescriptor", "US", [2, 65536 - 1000, 16])
    entry.add_new("LUTData", "US", [0, 9])
    assert read_image(make_dicom(PIXELS.astype(np.int16), VOILUTSequence=[entry])).voi_luts[0].first == -1000
    assert read_image(make_dicom(PIXELS, VOILUTSequence=[entry])).voi_luts[0].first == 64536
    assert read_image(make_dicom(PIXELS, VOILUTSequence=[entry], RescaleIntercept="-1024", RescaleSlope="1")).voi_luts[0].first == -1000


def test_a_table_that_is_cut_off_is_left_out_and_noted(make_dicom) -> None:
    entry = Dataset()
    entry.add_new("LUTDescriptor", "US", [4096, 0, 16])
    entry.add_new("LUTData", "US", [1, 2, 3])
    image = read_image(make_dicom(PIXELS, VOILUTSequence=[entry], ModalityLUTSequence=[entry]))
    assert image.voi_luts == () and image.modality_lut is None
    assert "A lookup table of the film is not usable and was left out." in image.notes


def test_the_view_comes_from_its_name_or_else_from_its_code(make_dicom) -> None:
    frontal, lateral = item(CodeValue="272479007", CodingSchemeDesignator="SCT"), item(CodeValue="R-10236", CodingSchemeDesignator="SRT")
    assert read_image(make_dicom(PIXELS)).view_position == ""
    assert read_image(make_dicom(PIXELS, ViewCodeSequence=[frontal])).view_position == "PA"
    assert read_image(make_dicom(PIXELS, ViewCodeSequence=[lateral])).view_position == "LL"
    assert read_image(make_dicom(PIXELS, ViewCodeSequence=[frontal], ViewPosition="AP")).view_position == "AP"


def test_a_slope_of_nothing_is_not_used(make_dicom) -> None:
    image = read_image(make_dicom(PIXELS, RescaleSlope="0", RescaleIntercept="7"))
    assert (image.slope, image.intercept) == (1.0, 0.0)
    assert image.notes == ("The film's rescale slope is 0 and was not used.",)


def test_orientation_is_both_directions_or_none(make_dicom) -> None:
    assert read_image(make_dicom(PIXELS, PatientOrientation=["L", "F"])).patient_orientation == ("L", "F")
    assert read_image(make_dicom(PIXELS, PatientOrientation="L")).patient_orientation == ("", "")
