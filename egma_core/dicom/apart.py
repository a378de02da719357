"""Decoding films of strangers in a process that may die alone: the side that asks.

Files that were never seen before are parsed and decoded by a child (`egma_core.dicom.process`) that is held to a time
and to an amount of memory. If it dies, hangs or asks for too much, that film is refused and the next one gets a fresh child.
What comes back is numbers of known shape, never code or objects.
"""

from __future__ import annotations

import atexit
import contextlib
import io
import json
import math
import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from egma_core import errors
from egma_core.dicom.pixel_format import MOST_BYTES
from egma_core.errors import DamagedImageError, EgmaError, ImageError

PATIENCE_S = 30.0
"""Every film may take so long to decode,"""

BYTES_PER_S = 1_000_000
"""and a second more for each such part of its file."""

_APART = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_LONGEST_LINE = 2**20


@dataclass(frozen=True)
class Decoded:
    """What the child makes of a film.

    Attributes:
        pixels: As `DicomImage.pixels`; None if the film was only tried.
        notes: What was odd about the file.
    """

    pixels: NDArray[np.uint16] | NDArray[np.uint8] | None
    notes: tuple[str, ...]


class Decoder:
    """One child, started when it is first needed; one thread at a time asks, the others wait.

    Attributes:
        deaths: How many children ended over a film.
        delays: How many were ended because they took too long.
        peak_bytes: The most memory that any of them has told of; 0 where the system does not say.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        """Allow each film `patience_s` seconds and one more for every `BYTES_PER_S` bytes of its file."""
        self.deaths = self.delays = self.peak_bytes = 0
        self._patience_s = patience_s
        self._child: subprocess.Popen[bytes] | None = None
        self._turn = threading.Lock()

    def decode(self, path: Path, frame: int | None = None, *, called: str = "") -> Decoded:
        """Decode a film.

        Args:
            path: The file.
            frame: Which frame, counted from 0; None for all of them.
            called: The name that errors give the film; its file's if "".

        Raises:
            ImageError: It cannot be decoded, or not within the limits; as `read_image`.
        """
        return self._ask(path, called or path.name, {"do": "decode", "frame": frame})

    def test(self, path: Path, *, called: str = "") -> Decoded:
        """Decode every frame of a film in turn and keep none; parameters and errors as for `decode`."""
        return self._ask(path, called or path.name, {"do": "test"})

    def close(self) -> None:
        """End the child, if there is one."""
        with self._turn:
            self._end()

    def _ask(self, path: Path, name: str, request: dict[str, Any]) -> Decoded:
        limit_s = self._patience_s + (path.stat().st_size if path.is_file() else 0) / BYTES_PER_S
        with self._turn:
            child, late = self._running(), threading.Event()

            def give_up() -> None:
                late.set()
                child.kill()  # which ends the wait for its answer

            alarm = threading.Timer(limit_s, give_up)
            alarm.daemon = True
            alarm.start()
            try:
                answer, pixels = _converse(child, {**request, "path": str(path.absolute()), "name": name})
            except (OSError, LookupError, TypeError, ValueError) as error:
                self._end()
                if late.is_set():
                    self.delays += 1
                    raise DamagedImageError(
                        f"Decoding {name} took longer than {limit_s:.0f} s and was given up.", "Leave the film out, or export it again."
                    ) from error
                self.deaths += 1
                raise DamagedImageError(
                    f"{name} is damaged: decoding it ended the decoder.", "Leave the film out, or export it again."
                ) from error
            finally:
                alarm.cancel()
                alarm.join()
            if late.is_set():  # it answered in the last moment
                self._end()
            self.peak_bytes = max(self.peak_bytes, answer["peak_bytes"])
        if "error" in answer:
            raise _rebuilt(answer)
        return Decoded(pixels, tuple(answer["notes"]))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:
            self._end()
        if self._child is None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "egma_core.dicom.process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **_ONE_THREAD},
                start_new_session=True,
                creationflags=_APART,
            )
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a request that the child never took
                    pipe.close()


_SHARED = Decoder()
atexit.register(_SHARED.close)


def shared_decoder() -> Decoder:
    """The decoder that this process keeps, so that only the first film waits for a child to start."""
    return _SHARED


def _converse(child: subprocess.Popen[bytes], request: dict[str, Any]) -> tuple[dict[str, Any], NDArray[Any] | None]:
    """Ask and hear the answer.

    Raises:
        OSError: The child does not listen.
        ValueError: It ended, or does not keep to the form; also LookupError and TypeError.
    """
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps(request).encode("utf-8") + b"\n")
    child.stdin.flush()
    stdout = cast(io.BufferedReader, child.stdout)
    line = stdout.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise ValueError("no whole answer")
    answer: dict[str, Any] = json.loads(line)
    answer["peak_bytes"] = int(answer["peak_bytes"])
    shape = answer.get("shape")
    if not shape:
        return answer, None
    kind = np.dtype({"<u2": "<u2", "|u1": "|u1"}[answer["type"]])
    n_bytes = math.prod(shape) * kind.itemsize
    if not 0 < n_bytes <= MOST_BYTES:
        raise ValueError("no picture")
    pixels = bytearray(n_bytes)
    view, place = memoryview(pixels), 0
    while place < len(pixels):
        n = stdout.readinto(view[place:])
        if not n:
            raise ValueError("no whole picture")
        place += n
    return answer, np.frombuffer(pixels, kind).reshape(shape)


def _rebuilt(answer: dict[str, Any]) -> EgmaError:
    """The error that the child reported, of the class it had there."""
    kind = getattr(errors, str(answer["error"]), ImageError)
    error = EgmaError.__new__(kind)
    EgmaError.__init__(error, str(answer["what"]), str(answer["remedy"]))
    return error
