"""The state of a capture session as the window knows it: what may be asked of the capture process, and when. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from egma_app.capture.sitting import GateAnswer, Quality, SaidSentence, Setup, Station, clock_text
from egma_core.errors import EgmaError, RecordingError
from egma_core.gaze.viewport import Viewport
from egma_core.store.values import Decision, TextEdit

State = Literal["closed", "opening", "ready", "beginning", "reading", "ending"]
"""`closed` without a session; `ready` between readings; `opening`, `beginning` and `ending` while the process is at it."""


class CaptureSession:
    """The state machine between the window and one capture process.

    What is asked at the wrong moment raises; the streams (viewports, pointer positions) are let go unsent where there
    is nobody to take them, since they go on whether or not anything is recorded.

    Attributes:
        state: Where the session stands.
        setup: What it was opened with, or None.
        station: What the process has opened, or None while none is open.
        study_id: The study of the reading in progress, or None.
        reading_id: The reading in progress, or None.
        started_ns: Host time of its start.
        sentences: What was said in it so far.
        quality: How its recording does, or None before the first word of it.
        answer: How it stood at the gate when that was asked last, or None.
        decision: What the person has decided on it, or None.
    """

    def __init__(self, send: Callable[[Mapping[str, Any]], object]) -> None:
        """Speak to the capture process through `send`."""
        self._send = send
        self.state: State = "closed"
        self.setup: Setup | None = None
        self.station: Station | None = None
        self._forget_reading()

    # -- what the person does

    def open(self, library: str, setup: Setup) -> None:
        """Open a session; `ready` follows.

        Raises:
            RecordingError: A session is open already, or the reader has no name.
        """
        self._require("closed", doing="open a session")
        if not setup.reader.strip():
            raise RecordingError("The reader has no name.", "Type a name or a code for the person who reads.")
        self.setup = setup
        self.state = "opening"
        self._send({"do": "open", "library": library, **setup.opening()})

    def begin(self, study_id: int) -> None:
        """Begin a reading; `begun` follows.

        Raises:
            RecordingError: There is no session, or a reading is in progress.
        """
        self._require("ready", doing="start a reading")
        self._forget_reading()
        self.study_id = study_id
        self.state = "beginning"
        self._send({"do": "begin", "study_id": study_id})

    def say(self, sentence: SaidSentence) -> None:
        """Keep a sentence that was typed or dictated.

        Raises:
            RecordingError: No reading is in progress.
        """
        self._require("reading", doing="keep a sentence")
        self.sentences.append(sentence)
        self._send({"do": "sentence", **dataclasses.asdict(sentence)})

    def gate(self) -> None:
        """Ask how the reading stands at the gate; the event `gate` follows, and the recording goes on.

        Raises:
            RecordingError: No reading is in progress.
        """
        self._require("reading", doing="judge the reading")
        self._send({"do": "gate"})

    def sign_off(self, decision: Decision = "signed_off", reason: str = "") -> None:
        """End the reading as decided; `ended` follows.

        Args:
            decision: `signed_off` and `kept` end it as complete, `redone` and `discarded` as discarded.
            reason: Why, in a person's words; only `signed_off` needs none.

        Raises:
            RecordingError: No reading is in progress, or there is no reason.
        """
        self._require("reading", doing="end the reading")
        reason = reason.strip()
        if decision != "signed_off" and not reason:
            raise RecordingError(f"A reading cannot be {decision} without a reason.", "Say in a few words why.")
        self.state, self.decision = "ending", decision
        state = "complete" if decision in ("signed_off", "kept") else "discarded"
        self._send({"do": "end", "state": state, "note": reason, "decision": decision, "reason": reason})

    def discard(self, reason: str) -> None:
        """End the reading as discarded; `ended` follows.

        Raises:
            RecordingError: No reading is in progress, or there is no reason.
        """
        self.sign_off("discarded", reason)

    # -- what goes on by itself

    def show(self, viewport: Viewport) -> None:
        """A frame was painted."""
        if self.state in ("ready", "beginning", "reading"):
            self._send({"do": "viewport", **viewport_fields(viewport)})

    def point(self, host_ns: int, x: float, y: float) -> None:
        """The pointer was at (x, y), in fractions of the display, while it stands in for gaze."""
        if self.state == "reading" and self.setup is not None and self.setup.tracker == "mouse":
            self._send({"do": "pointer", "samples": [[host_ns, x, y]]})

    def note(self, kind: str, text: str) -> None:
        """Something worth remembering happened."""
        if self.state == "reading":
            self._send({"do": "note", "kind": kind, "text": text})

    def edit(self, edit: TextEdit) -> None:
        """A key stroke, paste or deletion in a sentence line."""
        if self.state == "reading":
            self._send({"do": "edit", **dataclasses.asdict(edit)})

    def heard(self, engine: str, words: Sequence[Sequence[object]]) -> None:
        """Words as an engine heard them: [text, onset_ns, offset_ns, confidence or None] each."""
        if self.state == "reading" and words:
            self._send({"do": "heard", "engine": engine, "words": [list(word) for word in words]})

    # -- what the process says

    def handle(self, event: Mapping[str, Any]) -> EgmaError | None:
        """Take one event of the process.

        Returns:
            What it complains about, or None.
        """
        kind = event["event"]
        if kind == "ready" and self.state == "opening":
            self.state, self.station = "ready", Station.told(event)
        elif kind == "begun" and self.state == "beginning":
            self.state = "reading"
            self.reading_id, self.started_ns = int(event["reading_id"]), int(event["started_ns"])
        elif kind == "progress" and event["reading_id"] == self.reading_id:
            self.quality = Quality.told(event)
        elif kind == "gate" and event["reading_id"] == self.reading_id:
            self.answer = GateAnswer.told(event)
        elif kind == "ended" and event["reading_id"] == self.reading_id:
            self.state = "ready"
            self._forget_reading()
        elif kind == "error":
            return self._complaint(RecordingError(str(event["what"]), str(event.get("remedy", ""))))
        return None

    def lost(self) -> str:
        """The process is gone: close, and say how far an unfinished reading is safe ("" where there was none)."""
        safe = ""
        if self.reading_id is not None:
            safe_up_to = self.quality.safe_up_to_ns if self.quality else self.started_ns
            safe = clock_text((safe_up_to - self.started_ns) / 1e9)
        self.state, self.station = "closed", None
        self._forget_reading()
        return safe

    # -- inside

    def _complaint(self, error: RecordingError) -> RecordingError:
        """A command failed: fall back to where it was given; other trouble changes nothing."""
        if self.state == "beginning":
            self.state = "ready"
            self._forget_reading()
        elif self.state == "ending":
            self.state, self.decision = "reading", None
        return error

    def _require(self, state: State, *, doing: str) -> None:
        if self.state != state:
            raise RecordingError(f"It is not possible to {doing} now ({_STANDING[self.state]}).", _NEXT[self.state])

    def _forget_reading(self) -> None:
        self.study_id: int | None = None
        self.reading_id: int | None = None
        self.started_ns = 0
        self.sentences: list[SaidSentence] = []
        self.quality: Quality | None = None
        self.answer: GateAnswer | None = None
        self.decision: Decision | None = None


_STANDING: dict[State, str] = {
    "closed": "no session is open",
    "opening": "the session is being opened",
    "ready": "no reading is in progress",
    "beginning": "a reading is being started",
    "reading": "a reading is in progress",
    "ending": "the reading is being ended",
}
_NEXT: dict[State, str] = {
    "closed": "Open a session first.",
    "opening": "Wait a moment.",
    "ready": "Start a reading first.",
    "beginning": "Wait a moment.",
    "reading": "Sign it off or discard it first.",
    "ending": "Wait a moment.",
}


def viewport_fields(viewport: Viewport) -> dict[str, Any]:
    """A viewport as the capture process takes it."""
    t, r = viewport.image_to_screen, viewport.region
    fields = {f.name: getattr(viewport, f.name) for f in dataclasses.fields(viewport)}
    return {**fields, "image_to_screen": [t.xx, t.xy, t.yx, t.yy, t.dx, t.dy], "region": [r.left, r.top, r.right, r.bottom]}
