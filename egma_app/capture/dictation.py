"""Dictation beside typing: the process that listens, when it is to listen, and how it stands, in words.

What is said is recorded whether or not anything understands it; without an engine, or when it fails, typing goes on as before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter_ns
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from egma_app.capture.recording import Recording
from egma_app.capture.sitting import SaidSentence
from egma_app.capture.speech_process import SpeechProcess
from egma_app.capture.talk_key import TalkKey

Mode = Literal["push", "continuous"]
State = Literal["off", "opening", "unable", "idle", "listening", "hearing", "writing"]
"""`off` without an engine or a microphone; `unable` when the engine cannot be used; `idle` while nobody wants it to listen."""

_WORDS: dict[State, str] = {
    "off": "",
    "opening": "Dictation is getting ready…",
    "listening": "Listening",
    "hearing": "Hearing you",
    "writing": "Writing…",
}
_LONGEST_WRITING_MS = 20_000


class Dictation(QObject):
    """Follows a recording: an engine is made ready with the session, listens while a reading runs, and writes into its report.

    Attributes:
        changed: Emitted when it stands otherwise.
        aligned: Emitted with a reading's id when the words of its text have been given their times.
        mode: `push` listens from `talk` to `talk`, or while its key is held; `continuous` all the time, with `talk` to pause.
        state: How it stands.
    """

    changed = Signal()
    aligned = Signal(int)

    def __init__(self, recording: Recording, parent: QObject | None = None, *, now_ns: Callable[[], int] = perf_counter_ns) -> None:
        """Follow a recording.

        Args:
            recording: The capture process and its session.
            parent: The owner.
            now_ns: The host clock.
        """
        super().__init__(parent)
        self.mode: Mode = "push"
        self.state: State = "off"
        self._recording = recording
        self._session = recording.session
        self._now_ns = now_ns
        self._process = SpeechProcess(self)
        self._process.told.connect(self._on_event)
        self._process.lost.connect(self._on_lost)
        self._trouble = ""
        self._reading_id: int | None = None
        self._talking_since_ns: int | None = None
        self._paused = False
        self._n_writing = 0
        self._then: Callable[[], object] | None = None
        self._key = TalkKey(now_ns, self)
        self._key.let_go.connect(self._end_talk)
        self._patience = QTimer(self, singleShot=True, interval=_LONGEST_WRITING_MS)
        self._patience.timeout.connect(self._give_up_writing)
        recording.changed.connect(self.follow)

    # -- what there is to say

    @property
    def status(self) -> str:
        """How it stands, for a person; "" while there is nothing to say."""
        if self.state == "unable" or (self.state == "idle" and self._trouble):
            return self._trouble
        if self.state != "idle":
            return _WORDS[self.state]
        if self._session.state != "reading":
            return "Dictation is ready"
        return "Dictation is paused" if self.mode == "continuous" else "Hold Ctrl+Space to dictate"

    @property
    def busy(self) -> bool:
        """Whether something that was said is still to be written."""
        return self._talking_since_ns is not None or self.state == "hearing" or self._n_writing > 0

    # -- what a person does

    def talk(self) -> None:
        """Begin to dictate, or end it; with the key held, dictate until it is let go. Starts the engine again if it has stopped."""
        if self._key.repeats:
            return
        if self.state == "unable" and not self._process.running:
            self.follow(again=True)
        elif self._reading_id is None or self.state in ("off", "opening", "unable"):
            return
        elif self.mode == "continuous":
            self._listen_or_pause(pause=not self._paused)
        elif self._talking_since_ns is not None:
            self._end_talk()
        else:
            self._trouble = ""
            self._talking_since_ns = self._now_ns()
            self._key.down()
            self._become("listening")

    def finish(self, then: Callable[[], object]) -> None:
        """End what is being said, and call `then` once it is written, or after twenty seconds: the sound is kept anyway."""
        self._end_talk()
        if self._reading_id is None or not (self.busy or self._ground == "listening"):
            then()
            return
        self._then = then
        self._patience.start()
        self._process.send("stop")

    def align(self, reading_id: int) -> None:
        """Give the words of a reading's text their times, by the sound of it; `aligned` follows. Without an engine, nothing happens."""
        if self.state != "opening":
            self._process.send("align", reading_id=reading_id)

    def close(self) -> None:
        """Let the process go, and wait for it: for a window that is closing."""
        self._let_go()
        self._process.close()

    # -- what goes on

    def follow(self, *, again: bool = False) -> None:
        """Stand as the session does: with it the engine comes and goes (`again`: though it has failed), with its reading the listening."""
        session, setup = self._session, self._session.setup
        if session.state == "closed" or setup is None or not setup.engine or not setup.microphone:
            if self.state != "off":
                self._let_go()
            return
        if session.state != "opening" and (self.state == "off" or again):
            self._trouble = ""
            self._process.open(self._recording.library, setup.engine, setup.model)
            self._become("opening")
        if self.state not in ("off", "opening", "unable"):
            self._listen(session.reading_id if session.state == "reading" else None)
        self.changed.emit()

    def _let_go(self) -> None:
        self._process.let_go()
        self._reading_id, self._then = None, None
        self._forget_talk()
        self._become("off")

    def _listen(self, reading_id: int | None) -> None:
        """Listen to a reading, or to none."""
        if reading_id == self._reading_id:
            return
        self._reading_id, self._then = reading_id, None
        self._trouble = ""
        self._forget_talk()
        self._listen_or_pause(pause=reading_id is None)

    def _listen_or_pause(self, *, pause: bool) -> None:
        self._paused = pause
        if pause:
            self._process.send("stop")
        else:
            self._process.send("listen", reading_id=self._reading_id, mode=self.mode)
        self._become(self._ground)

    @property
    def _ground(self) -> State:
        """How it stands while nobody speaks and nothing is being written."""
        return "listening" if self.mode == "continuous" and not self._paused else "idle"

    def _end_talk(self) -> None:
        onset_ns, self._talking_since_ns = self._talking_since_ns, None
        self._key.up()
        if onset_ns is not None:
            self._begin_writing()
            self._process.send("utterance", reading_id=self._reading_id, onset_ns=onset_ns, offset_ns=self._now_ns())
            self._become("writing")

    def _forget_talk(self) -> None:
        self._talking_since_ns = None
        self._key.up()
        self._n_writing = 0

    def _begin_writing(self) -> None:
        self._n_writing += 1
        self._patience.start()

    def _written(self) -> None:
        self._n_writing = max(self._n_writing - 1, 0)
        self._rest()

    def _give_up_writing(self) -> None:
        self._n_writing = 0
        self._rest()
        self._settle()

    # -- what the process says

    def _on_event(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "ready":
            self._become("idle")
            self.follow()
        elif kind == "speaking":
            self._on_speaking(bool(event["on"]))
        elif kind == "heard":
            self._on_heard(event)
        elif kind == "stopped":
            self._on_stopped(int(event["reading_id"]))
        elif kind == "aligned":
            self.aligned.emit(int(event["reading_id"]))
        elif kind == "error":
            self._on_error(str(event["what"]), str(event.get("remedy", "")))

    def _on_speaking(self, on: bool) -> None:
        if self.state not in ("listening", "hearing", "writing"):
            return
        if self.mode == "continuous" and not on and self.state == "hearing":
            self._begin_writing()
        self._rest(hearing=on)

    def _on_heard(self, event: Mapping[str, Any]) -> None:
        if event["reading_id"] != self._reading_id:
            return
        if self._session.state == "reading":
            text = " ".join(str(event["text"]).split())
            words = [list(word) for word in event["words"]]
            self._session.heard(str(event["engine"]), words)
            if text:
                self._session.say(SaidSentence(text, int(event["onset_ns"]), int(event["offset_ns"]), "dictation"))
                self._recording.changed.emit()
        self._written()

    def _on_stopped(self, reading_id: int) -> None:
        """All that was said has been told; after a pause that is all, but whoever only waited for the words goes on listening."""
        if reading_id != self._reading_id:
            return
        waited = self._then is not None
        self._give_up_writing()
        if waited and self._session.state == "reading":
            self._listen_or_pause(pause=self._paused)

    def _rest(self, *, hearing: bool = False) -> None:
        """Stand as what is still going on says."""
        if self.state in ("off", "opening", "unable"):
            return
        if hearing:
            self._become("hearing")
        elif self._talking_since_ns is not None:
            self._become("listening")
        elif self._n_writing:
            self._become("writing")
        else:
            self._become(self._ground)

    def _on_error(self, what: str, remedy: str) -> None:
        """Without an engine there is no dictation, quietly; other trouble costs one utterance, whose sound is kept."""
        self._trouble = " ".join(part for part in (what, remedy) if part)
        if self.state == "opening":
            self._trouble = f"Dictation is off. {self._trouble}"
            self._become("unable")
        else:
            self._written()

    def _on_lost(self) -> None:
        if self.state != "unable":
            self._trouble = "Dictation has stopped; typing goes on. Ctrl+Space starts it again."
        self._reading_id = None
        self._forget_talk()
        self._become("unable")
        self._settle()

    def _settle(self) -> None:
        """Go on with what waited."""
        self._patience.stop()
        then, self._then = self._then, None
        if then is not None:
            then()

    def _become(self, state: State) -> None:
        self.state = state
        self.changed.emit()
