"""What is shown with a film, or frame by frame: overlays, shutters, functional groups, frame rates, orientation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

from egma_core.dicom.deidentify import Pseudonymiser, deidentify_film
from egma_core.dicom.display import render
from egma_core.dicom.image import Rescale, Window
from egma_core.dicom.reader import read_image

PIXELS = np.arange(48, dtype=np.uint16).reshape(6, 8)
STACK = np.stack([PIXELS, PIXELS + 100, PIXELS + 200])


def item(**values: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def with_overlay(dataset: Dataset, bits: np.ndarray, group: int = 0x6000, origin: object = (1, 1), **more: int) -> Dataset:
    rows, columns = bits.shape[-2:]
    dataset.add_new((group, 0x10), "US", rows)
    dataset.add_new((group, 0x11), "US", columns)
    dataset.add_new((group, 0x40), "CS", "G")
    dataset.add_new((group, 0x50), "SS", list(origin))
    dataset.add_new((group, 0x100), "US", 1)
    dataset.add_new((group, 0x102), "US", 0)
    if "frames" in more:
        dataset.add_new((group, 0x15), "IS", more["frames"])
        dataset.add_new((group, 0x51), "US", more["first"])
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    packed += b"\0" * (len(packed) % 2)
    dataset.add_new((group, 0x3000), "OW", packed)
    return dataset


def rewritten(path: Path, change: Callable[[Dataset], object]) -> Path:
    dataset = pydicom.dcmread(path)
    change(dataset)
    dataset.save_as(path)
    return path


def test_an_overlay_lies_over_the_film_and_is_no_part_of_it(make_dicom) -> None:
    bits = np.eye(3, 5, dtype=np.uint8)
    path = rewritten(make_dicom(PIXELS), lambda ds: with_overlay(ds, bits, origin=(5, -1)))
    image = read_image(path)
    (plane,) = image.overlays
    assert (plane.group, plane.row, plane.column) == (0x6000, 4, -2)
    marked = image.marked(0)
    expected = np.zeros((6, 8), np.bool_)
    expected[4:6, 0:3] = bits[:2, 2:]
    assert np.array_equal(marked, expected)
    assert np.array_equal(render(image), render(read_image(make_dicom(PIXELS, name="plain.dcm"))))
    assert not read_image(make_dicom(PIXELS)).marked(0).any()


def test_overlays_of_frames_lie_over_their_frames(make_dicom) -> None:
    bits = np.stack([np.eye(6, 8), np.eye(6, 8)[::-1]]).astype(np.uint8)
    path = rewritten(make_dicom(STACK), lambda ds: with_overlay(ds, bits, frames=2, first=2))
    image = read_image(path)
    assert not image.marked(0).any()
    assert np.array_equal(image.marked(1), bits[0]) and np.array_equal(image.marked(2), bits[1])
    assert np.array_equal(read_image(path, frame=2).marked(0), bits[1])


def test_words_of_big_endian_overlays_are_turned(make_dicom) -> None:
    bits = np.random.default_rng(2).integers(0, 2, (6, 8)).astype(np.uint8)

    def swapped(dataset: Dataset) -> None:
        with_overlay(dataset, bits)
        dataset[0x6000, 0x3000].value = np.frombuffer(dataset[0x6000, 0x3000].value, "<u2").astype(">u2").tobytes()

    little = make_dicom(PIXELS, name="little.dcm")
    big = make_dicom(PIXELS, syntax=ExplicitVRBigEndian, PixelData=PIXELS.astype(">u2").tobytes())
    assert np.array_equal(read_image(rewritten(little, lambda ds: with_overlay(ds, bits))).marked(0), bits)
    image = read_image(rewritten(big, swapped))
    assert np.array_equal(image.marked(0), bits) and np.array_equal(image.pixels[0], PIXELS)


def test_an_overlay_that_is_cut_off_is_left_out_and_noted(make_dicom) -> None:
    path = rewritten(make_dicom(PIXELS), lambda ds: with_overlay(ds, np.zeros((6, 8), np.uint8)).__setitem__((0x6000, 0x10), element(600)))
    image = read_image(path)
    assert image.overlays == () and "An overlay of the film is not usable and was left out." in image.notes


def element(rows: int) -> object:
    dataset = Dataset()
    dataset.add_new((0x6000, 0x10), "US", rows)
    return dataset[0x6000, 0x10]


@pytest.mark.needs_data
def test_the_overlay_of_a_real_film_is_found(shared_data: Path) -> None:
    image = read_image(shared_data / "dicom" / "real" / "MR-SIEMENS-DICOM-WithOverlays.dcm")
    marked = image.marked(0)
    assert marked.shape == (484, 484) and 0.0001 < marked.mean() < 0.2


RECTANGLE = {
    "ShutterShape": "RECTANGULAR",
    "ShutterLeftVerticalEdge": "3",
    "ShutterRightVerticalEdge": "6",
    "ShutterUpperHorizontalEdge": "2",
    "ShutterLowerHorizontalEdge": "4",
}


def test_a_rectangle_shows_its_edges(make_dicom) -> None:
    hidden = read_image(make_dicom(PIXELS, **RECTANGLE)).shut()
    expected = np.ones((6, 8), np.bool_)
    expected[1:4, 2:6] = False
    assert np.array_equal(hidden, expected)
    assert read_image(make_dicom(PIXELS)).shut() is None


def test_a_circle_is_round_in_millimetres(make_dicom) -> None:
    tags = {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": ["11", "21"], "RadiusOfCircularShutter": "8"}
    hidden = read_image(make_dicom(np.zeros((21, 41), np.uint16), PixelSpacing=[0.4, 0.2], **tags)).shut()
    assert hidden is not None
    seen = np.argwhere(~hidden)
    assert seen.min(axis=0).tolist() == [6, 12] and seen.max(axis=0).tolist() == [14, 28]
    assert abs((~hidden).sum() - np.pi * 8 * 4) < 8


def test_a_polygon_and_a_rectangle_leave_what_lies_in_both(make_dicom) -> None:
    corners = ["1", "1", "1", "7", "7", "1"]
    tags = {**RECTANGLE, "ShutterShape": ["RECTANGULAR", "POLYGONAL"], "VerticesOfThePolygonalShutter": corners}
    hidden = read_image(make_dicom(PIXELS, **tags)).shut()
    rows, columns = np.mgrid[1:7, 1:9]
    expected = (columns >= 3) & (columns <= 6) & (rows >= 2) & (rows <= 4) & (rows + columns < 8)
    assert np.array_equal(hidden, ~expected)


def test_a_shutter_without_its_place_is_left_out_and_noted(make_dicom) -> None:
    image = read_image(make_dicom(PIXELS, ShutterShape="CIRCULAR"))
    assert image.shutter is None and "A shutter of the film is not usable and was left out." in image.notes


def enhanced(make_dicom, **tags: object) -> Path:
    def frame(n: int) -> Dataset:
        window = item(WindowCenter=[str(50 + n), "7"], WindowWidth=["20", "8"], VOILUTFunction="SIGMOID")
        group = item(PixelValueTransformationSequence=[item(RescaleSlope=str(n + 1), RescaleIntercept="-3")])
        if n != 1:
            group.FrameVOILUTSequence = [window]
        return group

    shared = item(
        FrameVOILUTSequence=[item(WindowCenter="9", WindowWidth="5")],
        PixelMeasuresSequence=[item(PixelSpacing=[0.3, 0.4])],
        PlaneOrientationSequence=[item(ImageOrientationPatient=["0", "1", "0", "0", "0", "-1"])],
    )
    groups = {"SharedFunctionalGroupsSequence": [shared], "PerFrameFunctionalGroupsSequence": [frame(n) for n in range(3)]}
    return make_dicom(STACK, Modality="MR", **groups, **tags)


def test_frames_say_how_they_are_shown(make_dicom) -> None:
    path = enhanced(make_dicom)
    image = read_image(path)
    assert image.frame_windows[0] == (Window(50.0, 20.0, "SIGMOID"), Window(7.0, 8.0, "SIGMOID"))
    assert image.frame_windows[1] == (Window(9.0, 5.0),)
    assert image.frame_rescales == (Rescale(1.0, -3.0), Rescale(2.0, -3.0), Rescale(3.0, -3.0))
    assert image.pixel_spacing_mm == (0.3, 0.4) and image.patient_orientation == ("P", "F")
    last = read_image(path, frame=2)
    assert last.frame_windows == image.frame_windows[2:] and last.frame_rescales == image.frame_rescales[2:]
    assert np.array_equal(render(last), render(image, 2)) and not np.array_equal(render(image, 2), render(image, 0))


def test_a_copy_without_identity_is_shown_frame_by_frame_too(make_dicom, tmp_path: Path) -> None:
    path = enhanced(make_dicom, PatientName="Somebody^Else", CineRate="12", BurnedInAnnotation="NO", **RECTANGLE)
    copy = read_image(deidentify_film(path, tmp_path, Pseudonymiser(b"k" * 16)).path)
    image = read_image(path)
    for name in ("frame_windows", "frame_rescales", "frame_rate_hz", "shutter", "pixel_spacing_mm", "patient_orientation"):
        assert getattr(copy, name) == getattr(image, name)
    assert all(np.array_equal(render(copy, n), render(image, n)) for n in range(3))


@pytest.mark.parametrize(
    ("tags", "rate"),
    [
        ({}, None),
        ({"FrameTime": "40"}, 25.0),
        ({"FrameTime": "40", "CineRate": "15"}, 15.0),
        ({"CineRate": "15", "RecommendedDisplayFrameRate": "30"}, 30.0),
        ({"FrameTimeVector": ["0", "50", "50"]}, 20.0),
        ({"FrameTime": "0"}, None),
    ],
)
def test_a_film_says_how_fast_it_runs(make_dicom, tags: dict[str, object], rate: float | None) -> None:
    assert read_image(make_dicom(STACK, **tags)).frame_rate_hz == rate
    assert read_image(make_dicom(PIXELS, name="still.dcm", **tags)).frame_rate_hz is None


@pytest.mark.parametrize(
    ("cosines", "orientation"),
    [
        (["1", "0", "0", "0", "1", "0"], ("L", "P")),
        (["-1", "0", "0", "0", "0", "1"], ("R", "H")),
        (["0.8", "0.6", "0", "0", "0", "-1"], ("LP", "F")),
        (["0.6", "-0.8", "0.1", "0", "0", "-1"], ("AL", "F")),
        (["1", "0"], ("", "")),
    ],
)
def test_orientation_follows_from_cosines(make_dicom, cosines: list[str], orientation: tuple[str, str]) -> None:
    assert read_image(make_dicom(PIXELS, ImageOrientationPatient=cosines)).patient_orientation == orientation
    stated = make_dicom(PIXELS, name="stated.dcm", ImageOrientationPatient=cosines, PatientOrientation=["A", "F"])
    assert read_image(stated).patient_orientation == ("A", "F")


def test_a_presentation_lut_is_read_and_takes_the_place_of_polarity(make_dicom) -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [3, 0, 16])
    table.add_new("LUTData", "US", [65535, 1000, 0])
    image = read_image(make_dicom(PIXELS, PhotometricInterpretation="MONOCHROME1", PresentationLUTSequence=[table]))
    assert image.presentation_lut is not None and image.presentation_lut.values.tolist() == [65535, 1000, 0]
    assert not image.inverted and render(image)[0, 0] == 255 and render(image)[-1, -1] == 0
