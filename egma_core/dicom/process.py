"""The decoder's process: `python -m egma_core.dicom.process` reads files of strangers and may die of them.

A request is one line of JSON on standard input, `{"do": "decode" | "test", "path", "name", "frame"}`. The answer is one line
on standard output: `peak_bytes`, and `notes`, or `error`, `what` and `remedy`; after a line with `shape` and `type` come
the pixels themselves. The end of standard input ends the process.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from egma_core.dicom.decoding import decode_here
from egma_core.dicom.files import open_dataset, reading
from egma_core.dicom.limits import hold_to, peak_bytes
from egma_core.dicom.pixel_format import pixel_format
from egma_core.dicom.reader import image_of
from egma_core.errors import EgmaError

MEMORY_BYTES = 4 * 2**30
"""All that the process may have, its program included (about 0.1 GiB); see `limits` for the systems that enforce it."""


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "wb")
    # What decoders print would be taken for answers.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    hold_to(MEMORY_BYTES)
    for line in sys.stdin.buffer:
        _answer(json.loads(line), answers)


def _answer(request: dict[str, Any], answers: IO[bytes]) -> None:
    pixels = None
    try:
        pixels, notes = _carry_out(request)
        answer: dict[str, Any] = {"notes": notes}
    except EgmaError as error:
        answer = {"error": type(error).__name__, "what": error.what, "remedy": error.remedy}
    answer["peak_bytes"] = peak_bytes()
    if pixels is not None:
        answer |= {"shape": pixels.shape, "type": "|u1" if pixels.dtype == np.uint8 else "<u2"}
    answers.write(json.dumps(answer).encode("utf-8") + b"\n")
    if pixels is not None:
        answers.write(np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<")).data)
    answers.flush()


def _carry_out(request: dict[str, Any]) -> tuple[NDArray[Any] | None, tuple[str, ...]]:
    path = Path(request["path"])
    with reading(path, name=request["name"]) as read:
        dataset = open_dataset(read)
        form = pixel_format(read, dataset)
        if request["do"] == "decode":
            pixels = decode_here(read, dataset, form, request["frame"])
            image_of(read, dataset, pixels, request["frame"])
            return pixels, read.notes
        for frame in range(form.frames):
            image_of(read, dataset, decode_here(read, dataset, form, frame), frame)
        return None, read.notes


if __name__ == "__main__":
    main()
