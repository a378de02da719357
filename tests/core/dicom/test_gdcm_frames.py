"""JPEG Lossless and 12-bit JPEG films, and streams that end the decoder."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGExtended12Bit

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
    with pytest.raises(DamagedImageError, match=r"is not sound JPEG Lossless|ended the decoder|disagree"):
        read_image(tmp_path / "broken.dcm")
    assert capfd.readouterr() == ("", "")


def extended_jpeg(pixels: np.ndarray, step: int) -> bytes:
    """A 12-bit JPEG of one component (ITU-T T.81, process 4), with one quantiser step and codes of one length: a plain encoder."""
    u, x = np.mgrid[0:8, 0:8]
    basis = np.where(u == 0, np.sqrt(0.125), 0.5) * np.cos((2 * x + 1) * u * np.pi / 16)
    zigzag = sorted(range(64), key=lambda k: (k // 8 + k % 8, (k // 8 if (k // 8 + k % 8) % 2 else k % 8)))
    runs = [run << 4 | size for run in range(16) for size in range(15)]
    bits: list[str] = []

    def put(code: int, length: int, value: int) -> None:
        size = abs(value).bit_length()
        bits.append(f"{code:0{length}b}")
        bits.append(f"{value if value > 0 else value + 2**size - 1:0{size}b}" if size else "")

    before = 0
    for top in range(0, pixels.shape[0], 8):
        for left in range(0, pixels.shape[1], 8):
            block = basis @ (pixels[top : top + 8, left : left + 8] - 2048.0) @ basis.T
            values = np.rint(block / step).astype(int).ravel()[zigzag].tolist()
            put(abs(values[0] - before).bit_length(), 5, values[0] - before)
            before, run = values[0], 0
            for value in values[1:]:
                if value:
                    for _ in range(run // 16):
                        put(runs.index(0xF0), 8, 0)
                    put(runs.index(run % 16 << 4 | abs(value).bit_length()), 8, value)
                run = 0 if value else run + 1
            if run:
                put(runs.index(0), 8, 0)
    stream = "".join(bits)
    stream += "1" * (-len(stream) % 8)
    entropy = int(stream, 2).to_bytes(len(stream) // 8, "big").replace(b"\xff", b"\xff\0")

    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content

    header = struct.pack(">BHHBBBB", 12, *pixels.shape, 1, 1, 0x11, 0)
    first = segment(0xC4, bytes([0, 0, 0, 0, 0, 16] + [0] * 11) + bytes(range(16)))
    others = segment(0xC4, bytes([0x10] + [0] * 7 + [240] + [0] * 8) + bytes(runs))
    tables = segment(0xDB, b"\0" + bytes([step] * 64)) + segment(0xC1, header) + first + others
    return b"\xff\xd8" + tables + segment(0xDA, b"\1\1\0\0\x3f\0") + entropy + b"\xff\xd9"


@pytest.mark.parametrize(("step", "error"), [(1, 2), (8, 16)])
def test_twelve_bit_jpeg_comes_back_over_its_whole_range(make_dicom, step: int, error: int) -> None:
    ramp = np.add.outer(np.arange(24), np.arange(32)) * 4095 // 54
    noise = np.random.default_rng(6).integers(0, 4096, (24, 32))
    pixels = np.concatenate([ramp, noise]).astype(np.uint16)
    dataset = pydicom.dcmread(make_dicom(pixels, BitsStored=12, HighBit=11, LossyImageCompression="01"))
    dataset.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    dataset.PixelData = encapsulate([extended_jpeg(pixels, step)])
    path = make_dicom(pixels, name="extended.dcm")
    dataset.save_as(path)
    assert np.abs(read_image(path).pixels[0].astype(int) - pixels).max() <= error
