"""Files of strangers are decoded by a process that may die, hang or run out of memory, and nothing else does."""

from __future__ import annotations

import dataclasses
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000MC

from egma_core.dicom.apart import Decoder
from egma_core.dicom.limits import peak_bytes
from egma_core.dicom.reader import read_copy, read_foreign, read_image
from egma_core.errors import DamagedImageError, ImageError, MissingDecoderError, UnsupportedImageError

PIXELS = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30)


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    found = Decoder()
    yield found
    found.close()


@pytest.mark.parametrize("frame", [None, 0, 2])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_a_film_is_the_same_wherever_it_is_decoded(make_dicom, decoder: Decoder, kind: type, frame: int | None) -> None:
    path = make_dicom(PIXELS.astype(kind), WindowCenter="10", WindowWidth="40", VOILUTFunction="SIGMOID", PixelSpacing=[0.2, 0.3])
    near, far = read_image(path, frame=frame), read_foreign(path, frame=frame, decoder=decoder)
    assert near.pixels.dtype == far.pixels.dtype and np.array_equal(near.pixels, far.pixels)
    assert dataclasses.replace(near, pixels=far.pixels) == far
    assert far.frames_in_file == 3 and far.first_frame == (frame or 0)


def test_colour_and_notes_come_back(make_dicom, decoder: Decoder) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    tags = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": 0, "SOPInstanceUID": "1.2.3.4.9"}
    path = make_dicom(colours[..., 0], **tags, PixelData=colours.tobytes() + b"\0")
    content = path.read_bytes()
    path.write_bytes(content[132:])
    image = read_foreign(path, decoder=decoder)
    assert np.array_equal(image.pixels[0], colours)
    assert image.notes == ("The file has no DICOM preamble.",)


def test_refusals_keep_their_kind(make_dicom, decoder: Decoder, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedImageError, match="frame 4; it holds 3 frames"):
        read_foreign(make_dicom(PIXELS), frame=3, decoder=decoder)
    with pytest.raises(DamagedImageError, match=r"film\.dcm is damaged: its pixel data is cut off"):
        read_foreign(make_dicom(PIXELS, Rows=21), decoder=decoder)
    with pytest.raises(ImageError, match=r"There is no file gone\.dcm"):
        read_foreign(tmp_path / "gone.dcm", decoder=decoder)
    path = make_dicom(PIXELS[0])
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", str(JPEG2000MC).encode()[:20]))
    with pytest.raises(MissingDecoderError):
        read_foreign(path, decoder=decoder)
    assert decoder.deaths == decoder.delays == 0


def test_another_name_may_be_given(make_dicom, decoder: Decoder) -> None:
    with pytest.raises(DamagedImageError, match="the third film is damaged"):
        decoder.test(make_dicom(PIXELS, Rows=21), called="the third film")


@pytest.mark.needs_data
def test_a_stream_that_ends_the_decoder_ends_nothing_else(
    shared_data: Path, tmp_path: Path, make_dicom, decoder: Decoder, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gdcm")
    dataset = pydicom.dcmread(shared_data / "dicom" / "real" / "JPEG-LL.dcm")
    stream = bytearray(next(generate_frames(dataset.PixelData, number_of_frames=1)))
    stream[15] = 0
    dataset.PixelData = encapsulate([bytes(stream)])
    dataset.save_as(tmp_path / "broken.dcm")
    before = decoder.deaths
    with pytest.raises(DamagedImageError, match="decoding it ended the decoder"):
        read_foreign(tmp_path / "broken.dcm", decoder=decoder)
    assert decoder.deaths == before + 1
    assert np.array_equal(read_foreign(make_dicom(PIXELS), decoder=decoder).pixels, PIXELS)
    assert capfd.readouterr() == ("", "")


def test_a_film_that_takes_too_long_is_given_up(make_dicom) -> None:
    hasty = Decoder(patience_s=0.0)
    with pytest.raises(DamagedImageError, match="took longer than 0 s and was given up"):
        read_foreign(make_dicom(PIXELS), decoder=hasty)
    assert (hasty.delays, hasty.deaths) == (1, 0)
    hasty.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux and Windows hold a process to its memory, and this asks Linux")
def test_a_process_gets_no_more_memory_than_it_is_held_to() -> None:
    code = (
        "from egma_core.dicom.limits import hold_to\nassert hold_to(2**29)\nlen(bytearray(2**27))\n"
        "try:\n    bytearray(2**30)\nexcept MemoryError:\n    raise SystemExit(7)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7
    assert 2**20 < peak_bytes() < 2**40


def test_a_copy_is_the_film_that_was_imported_or_is_refused(make_dicom) -> None:
    path = make_dicom(PIXELS)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert np.array_equal(read_copy(path, digest.upper(), frame=1).pixels[0], PIXELS[1])
    for place in (5, 400, len(content) - 1):
        changed = bytearray(content)
        changed[place] ^= 1
        path.write_bytes(changed)
        with pytest.raises(DamagedImageError, match=r"film\.dcm is not the film that was imported"):
            read_copy(path, digest)
    with pytest.raises(ImageError, match="There is no file"):
        read_copy(path.with_name("gone.dcm"), digest)
