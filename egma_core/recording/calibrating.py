"""Setting a reader up between readings: position guide, calibration, validation and drift checks, every attempt kept.

What is in force is what the tracker does: a calibration counts from the moment it was computed or applied, a validation from
the moment it was judged, and a correction of drift ends with the calibration that it corrected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from egma_core.child import Command
from egma_core.errors import ConfigError, EgmaError, RecordingError, TrackerError
from egma_core.gaze.validation import Look, look_quality, validate
from egma_core.geometry import Screen
from egma_core.recording.attempts import drift_figures, outcome_of, picture_of, place_of, used_at_points
from egma_core.recording.clock import Clock
from egma_core.recording.in_force import InForce
from egma_core.recording.looks import LookKind, LookRequest, LookStream, look_kind, point_of
from egma_core.store.store import Store
from egma_core.store.values import CalibrationAttempt
from egma_core.trackers.calibration import Calibration, CalibrationEvent, CalibrationResult, Point
from egma_core.trackers.tracker import Tracker

_ENDED = {
    "enter": "entered",
    "collect": "collected",
    "discard": "discarded",
    "compute": "computed",
    "apply": "applied",
    "leave": "left",
}
_IDLE_NS = 5_000_000_000  # the stream goes on so long between looks


class Calibrating:
    """Carries out the window's commands that set a reader up; used from one thread, and only between readings.

    The commands and what they tell: `guide` {on} tells `position` at each step while on; `calibrate` {act, points?, point?,
    attempt_id?} tells `calibration` {act, ok, ...} once the tracker has done it; `look` {point, kind, ms?, settle_ms?} tells
    `looked` {point, kind, n, loss}; `judge` {kind} tells `judged` {kind, attempt_id, figures, looks}; `forget_looks` {point?};
    `use` {calibration_id, validation_id} tells `used`; `correct` {attempt_id, dx, dy, reason} tells `corrected`.
    A look gives up the one before it that is not told yet.

    Attributes:
        commands: What carries out each command, by name.
    """

    def __init__(self, store: Store, clock: Clock, tracker: Tracker, session_id: int, screen: Screen, emit: Callable[..., object]) -> None:
        """Set up the reader of a session.

        Args:
            store: Keeps the attempts.
            clock: The session's clock.
            tracker: Its tracker, not streaming.
            session_id: The session.
            screen: Its screen.
            emit: Called with an event's name and its fields.
        """
        self._store = store
        self._clock = clock
        self._tracker = tracker
        self._session_id = session_id
        self._screen = screen
        self._emit = emit
        self._stream = LookStream(clock, tracker)
        self._in_force = InForce(store, clock, session_id)
        self._guiding = self._resting = False
        self._looks: dict[LookKind, dict[Point, Look]] = {"validation": {}, "drift_check": {}}
        self._points: tuple[Point, ...] = ()
        self._to_apply: CalibrationAttempt | None = None
        self._applying_id = 0
        handlers: dict[str, Callable[[Command], None]] = {
            "guide": self._guide,
            "calibrate": self._calibrate,
            "look": self._look,
            "forget_looks": self._forget_looks,
            "judge": self._judge,
            "use": self._use,
            "correct": self._correct,
        }
        self.commands = {name: self._between_readings(handler) for name, handler in handlers.items()}

    @property
    def busy(self) -> bool:
        """Whether a calibration or a look is going on, so that no reading can begin."""
        calibration = self._tracker.calibration
        return self._stream.looking or (calibration is not None and calibration.state != "off")

    def step(self) -> None:
        """Take in what the tracker has done; called often between readings.

        Raises:
            TrackerError: The tracker's stream does not stop.
        """
        self._resting = False
        calibration = self._tracker.calibration
        for event in calibration.poll() if calibration is not None else ():
            try:
                self._took(event)
            except EgmaError as error:  # it was done, but cannot be kept or followed up
                self._tell_calibration(event.kind, ok=False, point=event.point, error=error)
        self._step_stream()
        if self._guiding:
            position = self._tracker.position()
            left, right = (position.left, position.right) if position is not None else (None, None)
            self._emit("position", left=place_of(left), right=place_of(right))
        elif self._stream.streaming and not self.busy and self._clock.now_ns() - self._stream.last_ns > _IDLE_NS:
            self._stream.stop()

    def rest(self) -> None:
        """Leave the tracker's stream to a reading that begins; no command is taken until the next `step`.

        Raises:
            TrackerError: The stream does not stop.
        """
        self._guiding, self._resting = False, True
        self._stream.stop()

    def close(self) -> None:
        """Leave calibration mode, waiting for that a little, and end the stream.

        Raises:
            TrackerError: The stream does not stop.
        """
        if self._tracker.calibration is not None:
            self._tracker.calibration.close()
        self.rest()

    def _between_readings(self, handler: Callable[[Command], None]) -> Callable[[Command], None]:
        def carry_out(command: Command) -> None:
            if self._resting:
                raise RecordingError("A reading is being recorded.", "Sign it off or discard it before setting the reader up.")
            handler(command)

        return carry_out

    def _guide(self, command: Command) -> None:
        self._guiding = bool(command.fields({"on": bool})["on"])
        if self._guiding:
            self._stream.start()

    # -- the tracker's calibration

    def _calibrate(self, command: Command) -> None:
        fields = command.fields({"act": str}, {"points": list, "point": list, "attempt_id": int})
        act = fields["act"]
        if act not in _ENDED:
            raise ConfigError(f"A calibration cannot '{act}'.", f"Known: {', '.join(_ENDED)}.")
        point = point_of(fields.get("point")) if act in ("collect", "discard") else None
        points = tuple(point_of(item) for item in fields.get("points", ())) if act == "enter" else ()
        try:
            self._act(act, point, points, fields.get("attempt_id"))
        except EgmaError as error:
            self._tell_calibration(_ENDED[act], ok=False, point=point, error=error)

    def _act(self, act: str, point: Point | None, points: tuple[Point, ...], attempt_id: int | None) -> None:
        calibration = self._device()
        if act == "enter":
            self._enter(calibration, points)
        elif act == "apply":
            self._apply(calibration, attempt_id)
        elif act == "compute":
            calibration.compute()
        elif act == "leave":
            calibration.leave()
        elif point is not None:
            (calibration.collect if act == "collect" else calibration.discard)(point)

    def _enter(self, calibration: Calibration, points: tuple[Point, ...]) -> None:
        self._stream.start()
        calibration.enter(points)
        self._points = points

    def _apply(self, calibration: Calibration, attempt_id: int | None) -> None:
        """Use an earlier attempt, entering and leaving calibration mode for it where it is outside."""
        attempt = next((a for a in self._store.attempts(self._session_id) if a.id == attempt_id and a.kind == "calibration"), None)
        if attempt is None or attempt.id is None:
            raise ConfigError("There is no such calibration in this session.", "Name one by its attempt_id.")
        if "calibration_data" not in self._tracker.description.capabilities or not attempt.data:
            raise TrackerError("This tracker cannot go back to an earlier calibration.", "Calibrate again.")
        if calibration.state == "off":
            self._enter(calibration, attempt.points)
            self._to_apply = attempt
        else:
            calibration.apply(attempt.data)
        self._applying_id = attempt.id

    def _took(self, event: CalibrationEvent) -> None:
        """A command to the tracker has ended."""
        attempt, self._to_apply = self._to_apply, None
        if event.kind == "computed":
            self._computed(event)
        elif attempt is not None and event.ok:
            self._device().apply(attempt.data)
            self._device().leave()
        elif attempt is not None:
            self._tell_calibration("applied", ok=False, error=event.error)
        elif event.kind == "applied" and event.ok:
            self._in_force.calibrated(self._applying_id)
            self._looks["validation"].clear()
            self._tell_calibration("applied", ok=True, attempt_id=self._applying_id)
        else:
            self._tell_calibration(event.kind, ok=event.ok, point=event.point, error=event.error)

    def _computed(self, event: CalibrationEvent) -> None:
        """Keep what the tracker made of the points, be it nothing."""
        result = event.result or CalibrationResult(frozenset())
        outcome = outcome_of(result, event.error.what if event.error is not None else "")
        now_ns, utc = self._clock.now_ns(), self._clock.utc()
        attempt = CalibrationAttempt("calibration", now_ns, utc, self._points, outcome, {}, result.data)
        attempt_id = self._store.add_attempt(self._session_id, attempt).id
        if event.ok and attempt_id is not None:
            self._in_force.calibrated(attempt_id)
            self._looks["validation"].clear()
        used = used_at_points(outcome)
        self._tell_calibration("computed", ok=event.ok, error=event.error, eyes=sorted(result.eyes), attempt_id=attempt_id, points=used)

    def _device(self) -> Calibration:
        calibration = self._tracker.calibration
        if calibration is None:
            what = "This tracker is not calibrated by this program."
            raise TrackerError(what, "Calibrate it with its maker's program, then validate it here.")
        return calibration

    def _tell_calibration(self, act: str, *, ok: bool, point: Point | None = None, error: EgmaError | None = None, **more: Any) -> None:
        where = {} if point is None else {"point": list(point)}
        why = {} if error is None else {"error": error.what, "remedy": error.remedy}
        self._emit("calibration", act=act, ok=ok, **where, **why, **more)

    # -- looks at targets

    def _look(self, command: Command) -> None:
        fields = command.fields({"point": list, "kind": str}, {"ms": float, "settle_ms": float})
        lasting_ms, settle_ms = fields.get("ms", 500.0), fields.get("settle_ms", 300.0)
        if not 50 <= lasting_ms <= 10_000 or not 0 <= settle_ms <= 5_000:
            raise ConfigError("A look lasts from 50 ms to 10 s, after at most 5 s.", "Send ms and settle_ms within these bounds.")
        request = LookRequest(point_of(fields["point"]), look_kind(fields["kind"]), settle_ms / 1e3, lasting_ms / 1e3)
        self._stream.take(request)

    def _step_stream(self) -> None:
        looking = self._stream.looking
        try:
            taken = self._stream.step()
        except TrackerError as error:
            if looking:
                self._emit("looked", point=None, kind=None, n=0, loss=1.0, error=error.what, remedy=error.remedy)
            return
        if taken is not None:
            request, look = taken
            self._looks[request.kind][request.point] = look
            loss = look_quality(look, self._screen, "average").loss
            self._emit("looked", point=list(request.point), kind=request.kind, n=len(look.samples), loss=round(loss, 4))

    def _forget_looks(self, command: Command) -> None:
        point = command.fields({}, {"point": list}).get("point")
        for looks in self._looks.values():
            if point is None:
                looks.clear()
            else:
                looks.pop(point_of(point), None)

    def _judge(self, command: Command) -> None:
        kind = look_kind(command.fields({"kind": str})["kind"])
        looks = tuple(self._looks[kind].values())
        if not looks:
            raise RecordingError("Nobody has looked at a target yet.", "Take a look first.")
        figures = validate(looks, self._screen).figures()
        if kind == "drift_check":
            figures["drift"] = drift_figures(looks[-1], self._screen, self._in_force.correction)
        points, gaze = tuple(look.point for look in looks), tuple(look.samples for look in looks)
        outcome: Mapping[str, Any] = {"calibration_id": self._in_force.calibration_id}
        attempt = CalibrationAttempt(kind, self._clock.now_ns(), self._clock.utc(), points, outcome, figures, b"", gaze)
        attempt_id = self._store.add_attempt(self._session_id, attempt).id
        if kind == "validation":
            self._in_force.validated(attempt_id)
        else:
            self._looks[kind].clear()
        self._emit("judged", kind=kind, attempt_id=attempt_id, figures=figures, looks=picture_of(looks))

    # -- what counts

    def _use(self, command: Command) -> None:
        fields = command.fields({}, {"calibration_id": int, "validation_id": int})
        calibration_id, validation_id = fields.get("calibration_id"), fields.get("validation_id")
        self._in_force.use(calibration_id, validation_id)
        self._emit("used", calibration_id=calibration_id, validation_id=validation_id)

    def _correct(self, command: Command) -> None:
        fields = command.fields({"attempt_id": int, "dx": float, "dy": float, "reason": str})
        self._in_force.correct(**fields)
        self._emit("corrected", attempt_id=fields["attempt_id"], dx=fields["dx"], dy=fields["dy"])
