"""Decoders: child processes that turn films into network pictures, since most codecs hold Python's lock while they decode.

A JPEG 2000 film of 2000 x 2000 pixels keeps the training process from doing anything for 0.15 s; in a child it does not.
A child needs no torch, is up in half a second, starts when the first film that is kept nowhere is asked for, and never
outlives its parent.
"""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_core import errors
from egma_core.child import Channel, Command, serve
from egma_core.errors import ConfigError, EgmaError, ImageError, TrainingError
from egma_core.examples.films import read_picture
from egma_core.examples.manifest import Example

ANSWER_S = 120.0
"""A film that takes longer to decode never will be; meanwhile the run waits for it, and a request to stop with it."""

APART = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
"""Beside a session of its own, which is POSIX's: Ctrl+C in the terminal is not for a decoder, whose parent will end it."""


class Decoders:
    """Some decoder processes; each thread that asks for a picture has one to itself while it waits."""

    def __init__(self, n: int) -> None:
        """Allow `n` processes; each starts when it is first needed."""
        self._decoders = [_Decoder() for _ in range(n)]
        self._idle: queue.SimpleQueue[_Decoder] = queue.SimpleQueue()
        for decoder in self._decoders:
            self._idle.put(decoder)

    def picture(self, path: Path, example: Example, size_px: int) -> NDArray[np.uint8]:
        """(S, S) grey levels of a film: `decode_film` in another process, with the same errors.

        Raises:
            ImageError: The film is missing, is not the one that was exported, or cannot be decoded or displayed; or the
                decoder died of it or took more than `ANSWER_S`.
            TrainingError: The decoders were closed.
        """
        decoder = self._idle.get()
        try:
            return decoder.picture(path, example, size_px)
        finally:
            self._idle.put(decoder)

    def close(self) -> None:
        """End the processes, whatever they are doing; who waits for a picture gets an error."""
        for decoder in self._decoders:
            decoder.close()


class _Decoder:
    """One process; one thread at a time asks, and any may close."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._late = False
        self._state, self._pipes = threading.Lock(), threading.Lock()

    def picture(self, path: Path, example: Example, size_px: int) -> NDArray[np.uint8]:
        answer = self._ask({"do": "picture", "path": str(path), "name": example.film, "sha256": example.sha256, "size_px": size_px})
        if answer is None and self._closed:
            raise TrainingError("The films are not read any more.")
        if answer is None and self._late:
            raise ImageError(
                f"Decoding the film {example.film} took longer than {ANSWER_S:g} s and was ended.",
                "Leave the film out, or have it exported again.",
            )
        if answer is None:
            raise ImageError(f"Decoding the film {example.film} ended the decoder.", "Leave the film out, or have it exported again.")
        if answer["event"] != "picture":
            raise _rebuilt(answer)
        return np.frombuffer(base64.b64decode(answer["grey"]), dtype=np.uint8).reshape(size_px, size_px)

    def close(self) -> None:
        with self._state:
            self._closed = True
            if self._child is not None:
                self._child.kill()  # so that who waits for its answer is let go, and gives the pipes back
        with self._pipes:
            self._end()

    def _ask(self, command: dict[str, Any]) -> dict[str, Any] | None:
        """The child's answer, or None where there is no child, or it ended or was ended first."""
        with self._pipes:
            child = self._running()
            if child is None:
                return None
            assert child.stdin is not None and child.stdout is not None
            self._late = False
            alarm = threading.Timer(ANSWER_S, self._give_up, (child,))
            alarm.daemon = True
            alarm.start()
            try:
                child.stdin.write(json.dumps(command).encode() + b"\n")
                child.stdin.flush()
                line = child.stdout.readline()
            except OSError:
                line = b""
            finally:
                alarm.cancel()
                alarm.join()
            whole = line.endswith(b"\n")
            if self._late or not whole:
                self._end()
            return json.loads(line) if whole else None

    def _give_up(self, child: subprocess.Popen[bytes]) -> None:
        self._late = True
        child.kill()  # which ends the wait for its answer

    def _running(self) -> subprocess.Popen[bytes] | None:
        with self._state:
            if self._child is None and not self._closed:
                command = [sys.executable, "-m", "egma_core.examples.decoding"]
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, creationflags=APART
                )
            return self._child

    def _end(self) -> None:
        with self._state:
            child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                assert pipe is not None
                with contextlib.suppress(OSError):  # a command that the child never took
                    pipe.close()


def _rebuilt(answer: dict[str, Any]) -> EgmaError:
    """The error that the child reported, as the class it had there."""
    kind = getattr(errors, answer.get("kind", ""), EgmaError)
    error = EgmaError.__new__(kind)
    EgmaError.__init__(error, answer["what"], answer["remedy"])
    return error


def _answer(channel: Channel, command: Command) -> None:
    """Carry out one command, `picture`: its event is `picture` with the grey levels in base 64, or `refused`."""
    if command.do != "picture":
        raise ConfigError(f"There is no command '{command.do}'.", "Known here: picture.")
    values = command.fields({"path": str, "name": str, "sha256": str, "size_px": int})
    try:
        picture = read_picture(Path(values.pop("path")), **values)
    except EgmaError as error:
        channel.emit("refused", kind=type(error).__name__, what=error.what, remedy=error.remedy)
    else:
        channel.emit("picture", grey=base64.b64encode(picture.tobytes()).decode())


def main() -> None:
    """Answer commands until the parent closes stdin."""
    channel = Channel.standard()
    serve(channel, partial(_answer, channel))


if __name__ == "__main__":
    main()
