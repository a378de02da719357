"""Files whose parts contradict each other, and files made to take memory or time, are refused before they are believed."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate
from pydicom.pixels import compress
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from egma_core.dicom import decoding, streams
from egma_core.dicom.codestream import Codestream, begins_stream, describe
from egma_core.dicom.reader import read_header, read_image
from egma_core.dicom.streams import WithinFile
from egma_core.errors import DamagedImageError, MissingDecoderError, UnsupportedImageError

PIXELS = np.random.default_rng(5).integers(0, 4096, (64, 128)).astype(np.uint16)
TWELVE = {"BitsStored": 12, "HighBit": 11}
SYNTAXES = [JPEG2000Lossless, JPEGLSLossless, RLELossless]


def compressed(path: Path, syntax: str, **tags: object) -> Path:
    dataset = pydicom.dcmread(path)
    dataset.SOPInstanceUID = "1.2.3.4.1"
    compress(dataset, syntax, generate_instance_uid=False)
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("shape", [(128, 64), (63, 128), (64, 127), (64, 129)])
def test_a_header_that_names_another_size_is_refused(make_dicom, syntax: str, shape: tuple[int, int]) -> None:
    path = compressed(make_dicom(PIXELS, **TWELVE), syntax)
    assert np.array_equal(read_image(path).pixels[0], PIXELS)
    if syntax == RLELossless and shape[0] * shape[1] == PIXELS.size:
        return  # run lengths say nothing of rows
    with pytest.raises(DamagedImageError):
        read_image(compressed(make_dicom(PIXELS, **TWELVE), syntax, Rows=shape[0], Columns=shape[1]))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_frames_that_the_header_does_not_name_are_not_passed_over(make_dicom, syntax: str) -> None:
    frames = np.stack([PIXELS, PIXELS[::-1], PIXELS[:, ::-1]])
    path = compressed(make_dicom(frames, **TWELVE), syntax)
    assert np.array_equal(read_image(path).pixels, frames)
    with pytest.raises(DamagedImageError, match="holds 3 frames and its header names 1"):
        read_image(compressed(make_dicom(frames, **TWELVE), syntax, NumberOfFrames=1))


def test_values_beyond_the_bits_are_taken_for_the_largest_if_they_are_few(make_dicom) -> None:
    few = PIXELS & 0x03FF
    few[0, 0] = 1030
    image = read_image(compressed(make_dicom(few, **TWELVE), JPEG2000Lossless, BitsStored=10, HighBit=9))
    assert image.pixels[0, 0, 0] == 1023 and np.array_equal(image.pixels[0, 1:], few[1:])
    assert "A few values of the film are larger than its header allows; they were taken for the largest." in image.notes
    with pytest.raises(DamagedImageError, match="need more than the 10 bits"):
        read_image(compressed(make_dicom(PIXELS, **TWELVE), JPEG2000Lossless, BitsStored=10, HighBit=9))


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Rows": 63}, "describes less than its pixel data holds (16,384 of 16,128 bytes"),
        ({"Columns": 127}, "describes less than its pixel data holds"),
        ({"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, "describes less"),
        ({"BitsStored": 12, "HighBit": 13}, "bit 13 of 16 cannot be the highest of 12 bits"),
        ({"PixelRepresentation": 2}, "whether its values can be negative"),
    ],
)
def test_uncompressed_films_are_compared_too(make_dicom, tags: dict[str, int], words: str) -> None:
    with pytest.raises(DamagedImageError) as refusal:
        read_image(make_dicom(PIXELS, **tags))
    assert words in str(refusal.value)


def test_nothing_after_the_pixels_is_padding_and_a_little_may_be_anything(make_dicom) -> None:
    for excess in (bytes(4096), b"\1" * 30):
        image = read_image(make_dicom(PIXELS, PixelData=PIXELS.tobytes() + excess))
        assert np.array_equal(image.pixels[0], PIXELS) and image.notes


def test_what_is_not_stated_about_the_pixels_is_noted(make_dicom) -> None:
    assert "The film does not state its highest bit." in read_image(make_dicom(PIXELS, HighBit=None)).notes
    with pytest.raises(DamagedImageError):
        read_image(make_dicom(PIXELS, PixelRepresentation=None))


def test_codestreams_say_their_size() -> None:
    frame_header = struct.pack(">BHHB", 12, 300, 200, 1)
    jpeg = b"\xff\xd8\xff\xe0\0\4ab\xff\xff\xc3\0\x0b" + frame_header + b"\1\x11\0"
    assert describe(jpeg) == Codestream(300, 200, 1, 12, None)
    for cut in range(len(jpeg) - 4):
        assert describe(jpeg[:cut]) is None
    size = struct.pack(">HHIIIIIIIIHB", 41, 0, 210, 320, 10, 20, 9, 9, 0, 0, 3, 0x8B)
    assert describe(b"boxes before" + b"\xff\x4f\xff\x51" + size) == Codestream(300, 200, 3, 12, True)
    assert describe(b"\xff\x4f\xff\x51" + size[:20]) is None and describe(b"neither") is None
    assert begins_stream(jpeg) and not begins_stream(b"\0\0")


def test_a_length_that_leads_out_of_the_file_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "short"
    path.write_bytes(b"0123456789")
    tracemalloc.start()
    with WithinFile(path) as file:
        assert file.read(4) == b"0123" and file.read(2**32) == b"456789" and file.read(2**32) == b"" and file.read() == b""
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_a_data_set_that_inflates_without_end_is_refused(make_dicom, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_dicom(PIXELS, syntax=DeflatedExplicitVRLittleEndian)
    assert np.array_equal(read_image(path).pixels[0], PIXELS)
    content = path.read_bytes()
    meta = 144 + struct.unpack("<I", content[140:144])[0]
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    path.write_bytes(content[:meta] + deflate.compress(bytes(5 * 2**20)) + deflate.flush())
    monkeypatch.setattr(streams, "MOST_INFLATED_BYTES", 2**22)
    with pytest.raises(UnsupportedImageError, match="inflates to more than"):
        read_header(path)


def test_a_file_of_a_hundred_thousand_elements_is_refused(make_dicom) -> None:
    path = make_dicom(PIXELS)
    content = path.read_bytes()
    meta = 144 + struct.unpack("<I", content[140:144])[0]
    path.write_bytes(content[:meta] + b"".join(struct.pack("<HH2sH", 9, n & 0xFFFF, b"LO", 0) for n in range(100_000)))
    with pytest.raises(DamagedImageError, match="contradict"):
        read_header(path)


def test_nested_sequences_do_not_exhaust_the_stack(make_dicom) -> None:
    path = make_dicom(PIXELS)
    content = path.read_bytes()
    meta = 144 + struct.unpack("<I", content[140:144])[0]
    opening = struct.pack("<HH2sHIHHI", 8, 0x1140, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    path.write_bytes(content[:meta] + opening * 5000 + content[meta:])
    with pytest.raises(DamagedImageError, match="contradict"):
        read_header(path)


def test_a_fragment_that_goes_on_with_a_stream_begins_none(make_dicom) -> None:
    path = compressed(make_dicom(PIXELS, **TWELVE), JPEG2000Lossless)
    dataset = pydicom.dcmread(path)
    stream = next(pydicom.encaps.generate_frames(dataset.PixelData, number_of_frames=1))
    dataset.PixelData = encapsulate([stream], fragments_per_frame=3)
    dataset.save_as(path)
    assert np.array_equal(read_image(path).pixels[0], PIXELS)


@pytest.mark.parametrize("syntax", [JPEGLSLossless, RLELossless])
@pytest.mark.parametrize("planar", [0, 1])
def test_what_the_header_says_of_planes_does_not_shuffle_compressed_colours(make_dicom, syntax: str, planar: int) -> None:
    colours = np.random.default_rng(8).integers(0, 256, (32, 40, 3)).astype(np.uint8)
    tags = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0, "PixelData": colours.tobytes()}
    path = compressed(make_dicom(colours[..., 0], **tags), syntax, PlanarConfiguration=planar)
    assert np.array_equal(read_image(path).pixels[0], colours)


def test_a_decoder_that_is_not_installed_is_named_with_what_brings_it(make_dicom, monkeypatch: pytest.MonkeyPatch) -> None:
    path = compressed(make_dicom(PIXELS, **TWELVE), JPEGLSLossless)
    monkeypatch.setattr(decoding, "get_decoder", lambda _: SimpleNamespace(available_plugins=()))
    with pytest.raises(MissingDecoderError) as refusal:
        read_image(path)
    assert "JPEG-LS" in refusal.value.what and "pyjpegls" in refusal.value.what
    assert "pip install 'egma[codecs]'" in refusal.value.remedy
