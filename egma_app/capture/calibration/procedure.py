"""A set-up step by step, as a state machine between a person, the targets on the screen and the capture process. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from egma_app.capture.calibration.attempt import FIVE, OTHERS, Attempt, Attempts, Point

State = Literal[
    "guide", "entering", "collecting", "computing", "discarding", "leaving", "looking", "judging", "report", "applying", "trouble", "done"
]
"""`guide` while the reader finds a place to sit, `collecting` and `looking` while there are targets, `report` at the end;
`trouble` when it cannot go on as it is; the others while the capture process is at it."""

_TRIES = 3
_NOT_CALIBRATED = ("The tracker could not be calibrated from what it saw.", "Check how the reader sits and that nothing shades the eyes.")
_LOST = 0.5  # a look of which more was lost is taken again


class Procedure:
    """One set-up of one reader.

    Attributes:
        state: Where it stands.
        target: Where the target is, while there is one.
        serial: Counts the targets: when it has changed, the target goes to its place anew, be it the same place.
        attempts: What came out so far.
        note: What there is to say beside the report, or "".
        trouble: What is in the way, and what to do about it, in the state `trouble`.
    """

    def __init__(
        self,
        send: Callable[[Mapping[str, Any]], object],
        capabilities: frozenset[str],
        changed: Callable[[], object],
        *,
        points: Sequence[Point] = FIVE,
    ) -> None:
        """Begin with the guide.

        Args:
            send: Takes commands to the capture process.
            capabilities: What the tracker can do, as its description names it.
            changed: Called after every change of state or target.
            points: Where to calibrate; it is validated at `OTHERS`.
        """
        self._send = send
        self._changed = changed
        self._points = tuple(points)
        self.calibrates = "calibration" in capabilities
        self.guides = "position_guide" in capabilities
        self.goes_back = "calibration_data" in capabilities
        self._redoes = "redo_point" in capabilities
        self.paced_by_tracker = self.calibrates and "paced_calibration" in capabilities
        self.state: State = "guide"
        self.target: Point | None = None
        self.serial = 0
        self.attempts = Attempts()
        self.note = ""
        self.trouble = ("", "")
        self._queue: list[Point] = []
        self._to_discard: list[Point] = []
        self._first_serial = self._tries = 0
        self._in_mode = False
        self._enter_when_left = False
        self._collected_again = False
        self._wanted: Attempt | None = None
        self._accepting = False

    @property
    def n_left(self) -> int:
        """How many targets are to come, this one counted."""
        return len(self._queue)

    # -- what the person does

    def open(self) -> None:
        """Show the guide."""
        self._go("guide")
        if self.guides:
            self._send({"do": "guide", "on": True})

    def start(self) -> None:
        """Calibrate from the first point on, or validate where there is nothing to calibrate."""
        self._send({"do": "guide", "on": False})
        if not self.calibrates:
            self.validate()
        elif self._in_mode:
            self._enter_when_left = True
            self._go("entering")
        else:
            self._enter()

    def arrived(self) -> None:
        """The target rests at its place and the reader looks at it: take what there is to see."""
        if self.target is None:
            return
        if self.state == "looking":
            self._send({"do": "look", "kind": "validation", "point": list(self.target)})
        elif self.state == "collecting" and (not self.paced_by_tracker or self.serial == self._first_serial):
            self._calibrate("collect", point=list(self.target))

    def validate(self) -> None:
        """Look at all other points, anew."""
        self._send({"do": "forget_looks"})
        self._show(OTHERS, "looking")

    def look_again(self, point: Point) -> None:
        """Look at one point of the report anew."""
        if self.state == "report" and self.attempts.may_look_again:
            self._show((point,), "looking")

    def choose(self, attempt: Attempt) -> None:
        """Go back to an earlier attempt, without leaving the report."""
        self._apply(attempt, accepting=False)

    def accept(self, attempt: Attempt) -> None:
        """Work with this attempt from now on, and be done."""
        self._apply(attempt, accepting=True)

    def cancel(self) -> None:
        """Leave what is going on: back to the report, if there is one, else to the guide."""
        self._enter_when_left = False
        if self._in_mode:
            self._calibrate("leave")
        if self.attempts.all:
            self._go("report")
        else:
            self.open()

    def close(self) -> None:
        """Leave everything."""
        if self._in_mode:
            self._calibrate("leave")
        self._send({"do": "guide", "on": False})
        self._go("done")

    # -- what the capture process says

    def handle(self, event: Mapping[str, Any]) -> None:
        """Take one event; what nobody waits for any more is let go."""
        kind = event["event"]
        if kind == "calibration":
            self._on_calibration(event)
        elif kind == "looked" and self.state == "looking":
            self._on_look(event)
        elif kind == "judged" and event["kind"] == "validation" and self.state == "judging":
            self.attempts.judged(event)
            self._go("report")
        elif kind == "used" and self.state == "applying" and self._wanted is not None:
            self.attempts.used(self._wanted)
            self._go("done" if self._accepting else "report")

    def fail(self, what: str, remedy: str = "") -> None:
        """Something is in the way: it is said beside the report where there is one in sight, else on its own."""
        if self.state == "done":
            return
        if self._in_mode:
            self._calibrate("leave")
        if self.state in ("report", "applying"):
            self.note = f"{what} {remedy}".strip()
            self._go("report")
        else:
            self.trouble = (what, remedy)
            self._go("trouble")

    # -- inside

    def _enter(self) -> None:
        self._in_mode = True
        self._collected_again = False
        self._go("entering")
        self._calibrate("enter", points=[list(point) for point in self._points])

    def _on_calibration(self, event: Mapping[str, Any]) -> None:
        act, ok = event["act"], bool(event["ok"])
        if act == "left" or (act == "entered" and not ok):
            self._in_mode = False
        if act in ("computed", "applied") and ok:  # whoever waits for it or not, the tracker works with it now
            self.attempts.calibrated(event["attempt_id"])
        if act == "left" and self._enter_when_left:
            self._enter_when_left = False
            self._enter()
        elif self.state != _AWAITED_IN.get(act):
            return
        elif act == "discarded":  # a point that cannot be discarded can be collected all the same
            self._discard_next()
        elif not ok and "error" in event:
            self.fail(event["error"], event.get("remedy", ""))
        elif act == "entered":
            self._first_serial = self.serial + 1
            self._show(self._points, "collecting")
        elif act == "collected":
            self._on_collected(ok)
        elif act == "computed":
            self._on_computed(event)
        elif act == "left":
            self.validate()
        elif act == "applied":
            self._use()

    def _on_collected(self, ok: bool) -> None:
        """Go on, or try the same point again: a blink is no reason to begin anew."""
        self._tries += 1
        if ok or self.paced_by_tracker or self._tries >= _TRIES:
            self._queue.pop(0)
            self._tries = 0
        if not self._queue:
            self._go("computing")
            self._calibrate("compute")
            return
        self._aim()
        if self.paced_by_tracker and self.target is not None:
            self._calibrate("collect", point=list(self.target))

    def _on_computed(self, event: Mapping[str, Any]) -> None:
        """Go on to the validation; points at which an eye was not seen are collected once more before."""
        if not event["ok"]:
            self.fail(*_NOT_CALIBRATED)
            return
        eyes = event["eyes"]
        self.note = "" if len(eyes) > 1 else f"Only the {eyes[0]} eye could be calibrated."
        bad = [(p["point"][0], p["point"][1]) for p in event["points"] if any(p[eye] == 0 for eye in eyes)]
        if bad and self._redoes and not self._collected_again:
            self._collected_again = True
            self._queue, self._to_discard = bad, list(bad)
            self._go("discarding")
            self._discard_next()
        else:
            self._go("leaving")
            self._calibrate("leave")

    def _discard_next(self) -> None:
        if self._to_discard:
            self._calibrate("discard", point=list(self._to_discard.pop(0)))
        else:
            self._show(self._queue, "collecting")

    def _on_look(self, event: Mapping[str, Any]) -> None:
        if "error" in event:
            self.fail(event["error"], event.get("remedy", ""))
            return
        if self.target is None or list(self.target) != event["point"]:
            return
        self._tries += 1
        if event["loss"] <= _LOST or self._tries >= _TRIES:
            self._queue.pop(0)
            self._tries = 0
        if self._queue:
            self._aim()
        else:
            self._go("judging")
            self._send({"do": "judge", "kind": "validation"})

    def _apply(self, attempt: Attempt, *, accepting: bool) -> None:
        if self.state != "report":
            return
        self._wanted, self._accepting, self.note = attempt, accepting, ""
        self._go("applying")
        if attempt.calibration_id == self.attempts.calibration_id:
            self._use()
        else:
            self._calibrate("apply", attempt_id=attempt.calibration_id)

    def _use(self) -> None:
        if self._wanted is not None:
            self._send({"do": "use", "calibration_id": self._wanted.calibration_id, "validation_id": self._wanted.validation_id})

    def _show(self, points: Sequence[Point], state: State) -> None:
        self._queue, self._tries = list(points), 0
        self.state = state
        self._aim()

    def _aim(self) -> None:
        self.target = self._queue[0]
        self.serial += 1
        self._changed()

    def _go(self, state: State) -> None:
        self.state = state
        if state not in ("collecting", "looking"):
            self.target = None
        self._changed()

    def _calibrate(self, act: str, **fields: Any) -> None:
        self._send({"do": "calibrate", "act": act, **fields})


_AWAITED_IN: dict[str, State] = {
    "entered": "entering",
    "collected": "collecting",
    "computed": "computing",
    "discarded": "discarding",
    "left": "leaving",
    "applied": "applying",
}
"""The state in which the end of each act moves the procedure on."""
