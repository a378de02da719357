"""Pixel data to arrays of stored values, by decoders chosen here and not by whatever happens to be installed.

One decoder reads each compression: the one that raises on corrupt streams and does nothing worse. pylibjpeg-rle
panics past every handler and pylibjpeg-libjpeg is under the GPL, so neither is used; GDCM may end its process, so what
only GDCM reads is decoded in the decoder's process (`egma_core.dicom.apart`), whoever asks.

Decoders answer wrongly rather than not at all when a header lies to them. So whatever the file says twice is compared
before anything is shown: the length of the pixel data, the codestream's own size, the number of its frames.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import generate_fragments, generate_frames, parse_basic_offsets
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.processing import apply_color_lut, convert_color_space
from pydicom.uid import RLELossless

from egma_core.dicom.apart import shared_decoder
from egma_core.dicom.codestream import begins_stream, describe, run_length
from egma_core.dicom.files import ASK_AGAIN, BROKEN_INPUT, Reading
from egma_core.dicom.gdcm_frames import Layout, decode_frames
from egma_core.dicom.pixel_format import MOST_BYTES, NATIVE, PixelFormat
from egma_core.errors import DamagedImageError, MissingDecoderError, UnsupportedImageError

_OVERSHOOT = 0.01  # of the values of a lossy picture may lie above what its header's bits can hold


def decode(read: Reading, dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[np.uint16] | NDArray[np.uint8]:
    """Decode all frames, or one.

    Returns:
        For grey films (frames, rows, columns) uint16: stored values, unused bits masked, plus 32768 where signed.
        For colour films (frames, rows, columns, 3) uint8, RGB.

    Raises:
        DamagedImageError: The pixel data is cut off or corrupt, or contradicts the header.
        MissingDecoderError: No installed decoder reads this compression.
        UnsupportedImageError: There is no such frame, or the film is too large or not of a kind that is shown.
    """
    if form.decoder != "gdcm":
        return decode_here(read, dataset, form, frame)
    decoded = shared_decoder().decode(read.path, frame, called=read.name)
    assert decoded.pixels is not None
    if decoded.pixels.shape[:3] != (form.frames if frame is None else 1, form.rows, form.columns):
        raise DamagedImageError(f"{read.name} changed while it was read.", ASK_AGAIN)
    for note in decoded.notes:
        read.note(note)
    return decoded.pixels


def decode_here(read: Reading, dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[np.uint16] | NDArray[np.uint8]:
    """`decode`, in this process whatever may come of it."""
    name = read.name
    _refuse_absent_frame(name, form, frame)
    if "PixelData" not in dataset:
        _refuse_absent_pixels(name, dataset)
    n_bytes = form.n_bytes // form.frames if frame is not None else form.n_bytes
    if n_bytes > MOST_BYTES:
        remedy = "Open one frame of it." if frame is None and form.n_bytes // form.frames <= MOST_BYTES else "Choose a smaller film."
        raise UnsupportedImageError(f"{name} would take {n_bytes / 2**30:.0f} GiB of memory.", remedy)
    values = _native(read, dataset, form, frame) if form.syntax in NATIVE else _compressed(read, dataset, form, frame)
    values = values.reshape(-1, form.rows, form.columns, *([3] if form.samples == 3 else []))
    if form.is_colour:
        return _rgb(values, dataset, form)
    return _grey(values if form.syntax in NATIVE else _within_bits(read, values, form), form)


def _refuse_absent_frame(name: str, form: PixelFormat, frame: int | None) -> None:
    if frame is not None and not 0 <= frame < form.frames:
        have = "1 frame" if form.frames == 1 else f"{form.frames} frames"
        raise UnsupportedImageError(f"{name} has no frame {frame + 1}; it holds {have}.", "Choose another frame.")


def _refuse_absent_pixels(name: str, dataset: Dataset) -> None:
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise UnsupportedImageError(f"{name} holds a map of fractional numbers, not a film.", "Choose a film.")
    raise DamagedImageError(f"{name} is damaged: its pixel data is missing.", ASK_AGAIN)


def _native(read: Reading, dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[Any]:
    name, element = read.name, dataset["PixelData"]
    if element.is_undefined_length or not isinstance(element.value, bytes):
        raise DamagedImageError(f"{name} is damaged: its pixels are compressed, but it says that they are not.", ASK_AGAIN)
    share = f"{len(element.value):,} of {form.n_bytes:,} bytes are there"
    if len(element.value) < form.n_bytes:
        raise DamagedImageError(f"{name} is damaged: its pixel data is cut off ({share}).", ASK_AGAIN)
    excess = element.value[form.n_bytes :]
    # Less than a row and less than a column: whatever it is, it is no sign of a wrong size; zeros may be one, and pydicom notes them.
    if len(excess) >= min(form.rows, form.columns) * form.samples * form.bits_allocated // 8 and excess.strip(b"\0"):
        raise DamagedImageError(f"{name} is damaged: its header describes less than its pixel data holds ({share}).", ASK_AGAIN)
    # The unused bits are masked here, because pydicom takes the value to start at bit 0 whatever the high bit.
    options: dict[str, Any] = {"correct_unused_bits": False}
    return get_decoder(form.syntax).as_array(dataset, index=frame, **options)[0]


def _compressed(read: Reading, dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[Any]:
    name, plugin, decoder = read.name, form.decoder, get_decoder(form.syntax)
    if plugin != "gdcm" and plugin not in decoder.available_plugins:
        what = f"The decoder of {form.syntax.name} is not installed ({plugin})."
        raise MissingDecoderError(what, "Install it with: pip install 'egma[codecs]'")
    try:
        _compare_with_codestream(read, dataset, form, frame or 0)
        if plugin == "gdcm":
            return _by_gdcm(dataset, form, frame)
        options: dict[str, Any] = {"correct_unused_bits": False}
        if form.samples > 1 and form.syntax != RLELossless:
            options["planar_configuration"] = 0  # what these decoders give, whatever the header says
        return decoder.as_array(dataset, index=frame, decoding_plugin=plugin, **options)[0]
    except (*BROKEN_INPUT, OSError) as error:
        raise DamagedImageError(f"{name} is damaged: its pixel data is not sound {form.syntax.name}.", ASK_AGAIN) from error


def _compare_with_codestream(read: Reading, dataset: Dataset, form: PixelFormat, frame: int) -> None:
    name, data = read.name, dataset["PixelData"].value
    fragments = BytesIO(data)
    offsets = parse_basic_offsets(fragments)
    starts = sum(1 for fragment in generate_fragments(fragments) if form.syntax == RLELossless or begins_stream(fragment))
    if len(offsets) > form.frames or starts > form.frames:
        held = max(len(offsets), starts)
        raise DamagedImageError(f"{name} is damaged: its pixel data holds {held} frames and its header names {form.frames}.", ASK_AGAIN)
    stream = _frames(data, form, frame)[0]
    if form.syntax == RLELossless and run_length(stream) >= form.rows * form.columns + min(form.rows, form.columns):
        raise DamagedImageError(f"{name} is damaged: its header describes less than its pixel data holds.", ASK_AGAIN)
    found = describe(stream)
    if found is None or form.syntax == RLELossless:
        return
    if (found.rows, found.columns, found.samples) != (form.rows, form.columns, form.samples) or found.bits > form.bits_allocated:
        sizes = " and ".join(f"{f.columns} x {f.rows} x {f.samples} values" for f in (form, found))
        raise DamagedImageError(f"{name} is damaged: its header and its compressed picture disagree ({sizes}).", ASK_AGAIN)
    if found.signed is not None and found.signed != form.signed:
        read.note("The film's header and its compressed picture disagree whether values can be negative; the header was believed.")


def _frames(data: bytes, form: PixelFormat, frame: int | None) -> list[bytes]:
    """The streams of all frames, or of one."""
    last = form.frames if frame is None else frame + 1
    found = [f for _, f in zip(range(last), generate_frames(data, number_of_frames=form.frames), strict=False)]
    return found if frame is None else [found[frame]]


def _by_gdcm(dataset: Dataset, form: PixelFormat, frame: int | None) -> NDArray[Any]:
    layout = Layout(
        form.rows, form.columns, form.samples, form.bits_allocated, form.bits_stored, form.signed, form.photometric, str(form.syntax)
    )
    values = np.frombuffer(decode_frames(_frames(dataset["PixelData"].value, form, frame), layout), f"<u{form.bits_allocated // 8}")
    if form.photometric.startswith("YBR"):
        return convert_color_space(values.reshape(-1, form.rows, form.columns, 3), "YBR_FULL", "RGB")
    return values


def _within_bits(read: Reading, values: NDArray[Any], form: PixelFormat) -> NDArray[Any]:
    """Decoded values, none above what the bits stored can hold: masked, a value that overshoots would turn from white to black."""
    if form.signed or form.bits_stored == form.bits_allocated:
        return values
    most = 2**form.bits_stored - 1
    above = np.count_nonzero(values.view(f"u{values.dtype.itemsize}") > most)
    if not above:
        return values
    if above > _OVERSHOOT * values.size:
        raise DamagedImageError(f"{read.name} is damaged: its values need more than the {form.bits_stored} bits it names.", ASK_AGAIN)
    read.note("A few values of the film are larger than its header allows; they were taken for the largest.")
    return np.minimum(values.view(f"u{values.dtype.itemsize}"), most)


def _grey(values: NDArray[Any], form: PixelFormat) -> NDArray[np.uint16]:
    unsigned = values.astype(values.dtype.newbyteorder("="), copy=False).view(f"u{values.dtype.itemsize}").astype(np.uint16)
    unsigned >>= np.uint16(form.high_bit + 1 - form.bits_stored)
    unsigned &= np.uint16(2**form.bits_stored - 1)
    if form.signed:
        sign = 2 ** (form.bits_stored - 1)
        unsigned ^= np.uint16(sign)
        unsigned += np.uint16(32768 - sign)
    return unsigned


def _rgb(values: NDArray[Any], dataset: Dataset, form: PixelFormat) -> NDArray[np.uint8]:
    if form.photometric == "PALETTE COLOR":
        values = apply_color_lut(values, dataset)[..., :3]
        surplus = 8 if values.dtype.itemsize == 2 and values.max(initial=0) > 255 else 0
    else:
        surplus = max(0, form.bits_stored - 8)
    return (values.astype(np.uint16) >> np.uint16(surplus)).astype(np.uint8)
