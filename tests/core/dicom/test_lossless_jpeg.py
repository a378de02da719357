"""JPEG Lossless films, and streams that end the decoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames

from egma_core.dicom.reader import read_image
from egma_core.errors import DamagedImageError

gdcm = pytest.importorskip("gdcm")


def compressed(path: Path, syntax: object) -> Path:
    """The same film in JPEG Lossless, by GDCM's own encoder."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path.with_name("lossless.dcm")))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path.with_name("lossless.dcm")


@pytest.mark.parametrize("syntax", [gdcm.TransferSyntax.JPEGLosslessProcess14, gdcm.TransferSyntax.JPEGLosslessProcess14_1])
@pytest.mark.parametrize(
    ("kind", "low", "high", "tags"),
    [
        (np.uint8, 0, 256, {}),
        (np.uint16, 0, 4096, {"BitsStored": 12, "HighBit": 11}),
        (np.int16, -32768, 32768, {}),
    ],
)
def test_two_frames_come_back_exactly(make_dicom, syntax: object, kind: type, low: int, high: int, tags: dict[str, int]) -> None:
    pixels = np.random.default_rng(3).integers(low, high, (2, 24, 31)).astype(kind)
    path = compressed(make_dicom(pixels, **tags), syntax)
    image = read_image(path)
    assert np.array_equal(image.pixels.astype(int) - image.offset, pixels)
    assert np.array_equal(read_image(path, frame=1).pixels[0], image.pixels[1])


def test_colour_comes_back_exactly(make_dicom) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (16, 24, 3)).astype(np.uint8)
    path = make_dicom(pixels[..., 0], PhotometricInterpretation="RGB", SamplesPerPixel=3, PlanarConfiguration=0, PixelData=pixels.tobytes())
    assert np.array_equal(read_image(compressed(path, gdcm.TransferSyntax.JPEGLosslessProcess14_1)).pixels[0], pixels)


@pytest.mark.needs_data
@pytest.mark.parametrize(("place", "value"), [(15, 0), (6, 255), (9, 77)], ids=["aborts", "segmentation fault", "wrong size"])
def test_a_stream_that_ends_the_decoder_is_damage_and_nothing_more(
    shared_data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], place: int, value: int
) -> None:
    dataset = pydicom.dcmread(shared_data / "dicom" / "real" / "JPEG-LL.dcm")
    stream = bytearray(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    stream[place] = value
    dataset.PixelData = encapsulate([bytes(stream)])
    dataset.save_as(tmp_path / "broken.dcm")
    with pytest.raises(DamagedImageError, match="is not sound JPEG Lossless"):
        read_image(tmp_path / "broken.dcm")
    assert capfd.readouterr() == ("", "")
