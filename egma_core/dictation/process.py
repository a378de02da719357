"""Dictation as a child process: `python -m egma_core.dictation.process`, JSON lines in and out (see `egma_core.child`).

Commands and the events that answer them:

- `{"do": "open", "library": PATH, "engine": NAME, "model": FOLDER}` (the folder where the engine needs one): `ready` with `engine`.
- `{"do": "listen", "reading_id": ID, "mode": "continuous" | "push"}`: from then on `speaking` with `on` where somebody begins and
  ends to speak (continuous only), and `heard` for each sentence: `text` ("" where only punctuation was said, or nothing was
  understood), `onset_ns`, `offset_ns` on the host clock, and `words`, a list of [text, onset_ns, offset_ns, confidence or null].
- `{"do": "utterance", "reading_id": ID, "onset_ns": NS, "offset_ns": NS}`: `heard`, at least once, for what is said in that stretch.
- `{"do": "stop"}`: `stopped` with `reading_id` when all that was said before has been told.
- `{"do": "align", "reading_id": ID}`: `aligned` with `reading_id` and `revision_id` (null where nothing had to be done).
- anything that goes wrong: `error` with `what` and `remedy`.

It only reads the library, but for `align`, and only what the capture process has committed. It gives way to other programs: what it is
late with is not lost.
"""

from __future__ import annotations

import contextlib
import os
import sys

from egma_core.child import Channel, Command, serve
from egma_core.dictation.align import align_reading
from egma_core.dictation.listener import Listener
from egma_core.errors import ConfigError, EgmaError, SpeechError
from egma_core.speech.transcriber import Transcriber, open_transcriber
from egma_core.store.store import Store

_STEP_S = 0.1
_BELOW_NORMAL = 0x4000  # BELOW_NORMAL_PRIORITY_CLASS of Windows


class Dictation:
    """Carries out the window's commands; one library, one engine."""

    def __init__(self, channel: Channel) -> None:
        """Wait for `open`."""
        self._channel = channel
        self._library = ""
        self._store: Store | None = None
        self._transcriber: Transcriber | None = None
        self._listener: Listener | None = None

    def handle(self, command: Command) -> None:
        """Carry out one command.

        Raises:
            EgmaError: It cannot be carried out.
        """
        if command.do == "open":
            self._open(**command.fields({"library": str, "engine": str}, {"model": str}))
        elif command.do == "listen":
            fields = command.fields({"reading_id": int, "mode": str})
            if fields["mode"] not in ("continuous", "push"):
                raise ConfigError(f"There is no way to listen called '{fields['mode']}'.", "Choose continuous or push.")
            self._opened().listen(fields["reading_id"], fields["mode"])
        elif command.do == "utterance":
            self._opened().utterance(**command.fields({"reading_id": int, "onset_ns": int, "offset_ns": int}))
        elif command.do == "stop":
            command.fields()
            if self._listener is not None:
                self._listener.stop()
        elif command.do == "align":
            self._align(command.fields({"reading_id": int})["reading_id"])
        else:
            raise ConfigError(f"There is no command '{command.do}'.", "Commands: open, listen, utterance, stop, align, quit.")

    def step(self) -> None:
        """Listen on.

        Raises:
            EgmaError: The library cannot be read.
        """
        if self._listener is not None:
            self._listener.step()

    def close(self) -> None:
        """Let library and model go."""
        if self._transcriber is not None:
            self._transcriber.close()
        if self._store is not None:
            self._store.close()

    def _open(self, library: str, engine: str, model: str = "") -> None:
        if self._store is not None:
            raise ConfigError("Dictation is open already.", "Start another process for another library or engine.")
        transcriber = open_transcriber(engine, model or None)
        try:
            store = Store.open(library, read_only=True)
        except EgmaError:
            transcriber.close()
            raise
        self._library, self._store, self._transcriber = library, store, transcriber
        self._listener = Listener(store, transcriber, self._channel.emit)
        self._channel.emit("ready", engine=engine)

    def _align(self, reading_id: int) -> None:
        self._opened()
        with Store.open(self._library) as store:
            changes = align_reading(store, reading_id)
        self._channel.emit("aligned", reading_id=reading_id, revision_id=changes.id)

    def _opened(self) -> Listener:
        if self._listener is None:
            raise SpeechError("Dictation is not open.", "Send 'open' first.")
        return self._listener


def give_way() -> None:
    """Let the system prefer every other process, the one that records before all."""
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL)
    else:
        with contextlib.suppress(OSError):
            os.nice(10)


def main() -> int:
    """Serve the window until it says quit or goes away."""
    channel = Channel.standard()
    give_way()
    dictation = Dictation(channel)
    try:
        serve(channel, dictation.handle, tick=dictation.step, every_s=_STEP_S)
    finally:
        dictation.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
