"""The steps of a set-up against a capture process that answers as the test wants; no Qt, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from egma_app.capture.calibration.advice import RecalibrationLimits, grade, place_words, recalibration_advice, verdict
from egma_app.capture.calibration.attempt import FIVE, NINE, OTHERS
from egma_app.capture.calibration.procedure import Procedure

FULL = frozenset({"calibration", "redo_point", "calibration_data", "position_guide"})


def figures(
    mean: float | None,
    worst: float | None = None,
    *,
    left: float | None = None,
    right: float | None = None,
    loss: float = 0.0,
    seen: int = 4,
) -> dict[str, Any]:
    """What a validation of four targets may say."""

    def eye(accuracy: float | None) -> dict[str, Any]:
        return {"accuracy_deg": accuracy, "worst_deg": worst if worst is not None else accuracy, "loss": loss, "n_points": seen}

    both = eye(mean)
    return {
        "left": eye(left if left is not None else mean),
        "right": eye(right if right is not None else mean),
        "average": both,
        "points": [{}] * 4,
    }


class Script:
    """A procedure, what it has sent, and answers in the capture process's words."""

    def __init__(self, capabilities: frozenset[str] = FULL, **choices: Any) -> None:
        self.sent: list[dict[str, Any]] = []
        self.it = Procedure(self.sent.append, capabilities, lambda: None, **choices)
        self.it.open()
        self.n_calibrations = 0
        self.n_validations = 100

    def last(self) -> Mapping[str, Any]:
        return self.sent[-1]

    def acts(self) -> list[str]:
        return [command.get("act", command["do"]) for command in self.sent]

    def answer(self, act: str, ok: bool = True, **fields: Any) -> None:
        self.it.handle({"event": "calibration", "act": act, "ok": ok, **fields})

    def collect(self, *, ok: bool = True) -> None:
        self.it.arrived()
        self.answer("collected", ok, point=self.last().get("point"))

    def computed(self, *, points: list[dict[str, Any]] | None = None, eyes: tuple[str, ...] = ("left", "right")) -> None:
        self.n_calibrations += 1
        used = points if points is not None else [{"point": list(p), "left": 20, "right": 20} for p in FIVE]
        self.answer("computed", eyes=list(eyes), attempt_id=self.n_calibrations, points=used)

    def calibrate(self) -> None:
        self.it.start()
        self.answer("entered")
        while self.it.state == "collecting":
            self.collect()
        self.computed()
        self.answer("left")

    def look(self, loss: float = 0.0) -> None:
        self.it.arrived()
        self.it.handle({"event": "looked", "kind": "validation", "point": self.last()["point"], "n": 60, "loss": loss})

    def judge(self, mean: float = 0.4, **choices: Any) -> None:
        while self.it.state == "looking":
            self.look()
        self.n_validations += 1
        judged = {"event": "judged", "kind": "validation", "attempt_id": self.n_validations, "looks": []}
        self.it.handle({**judged, "figures": figures(mean, **choices)})


def test_from_the_guide_to_the_report() -> None:
    script = Script()
    assert script.last() == {"do": "guide", "on": True} and script.it.state == "guide"
    script.it.start()
    assert script.sent[-2:] == [{"do": "guide", "on": False}, {"do": "calibrate", "act": "enter", "points": [list(p) for p in FIVE]}]
    script.answer("entered")
    shown = []
    while script.it.state == "collecting":
        shown.append(script.it.target)
        script.collect()
    assert shown == list(FIVE) and script.it.state == "computing" and script.it.target is None
    script.computed()
    assert script.it.state == "leaving" and script.last()["act"] == "leave"
    script.answer("left")
    looked = []
    while script.it.state == "looking":
        looked.append(script.it.target)
        script.look()
    assert looked == list(OTHERS) and not set(OTHERS) & (set(FIVE) | set(NINE)), "validated where it was not calibrated"
    assert script.last() == {"do": "judge", "kind": "validation"}
    script.judge(0.4)
    attempt = script.it.attempts.in_force
    assert script.it.state == "report" and attempt is not None and (attempt.calibration_id, attempt.validation_id) == (1, 101)
    script.it.accept(attempt)
    assert script.last() == {"do": "use", "calibration_id": 1, "validation_id": 101}
    script.it.handle({"event": "used", "calibration_id": 1, "validation_id": 101})
    assert script.it.state == "done"


def test_nine_points() -> None:
    script = Script(points=NINE)
    script.it.start()
    script.answer("entered")
    n = 0
    while script.it.state == "collecting":
        script.collect()
        n += 1
    assert n == 9


def test_a_point_that_was_not_seen_is_tried_again_and_then_left_out() -> None:
    script = Script()
    script.it.start()
    script.answer("entered")
    places = []
    for ok in (True, False, True, False, False, False, True):
        places.append((script.it.target, script.it.serial))
        script.collect(ok=ok)
    assert [place for place, _ in places] == [FIVE[0], FIVE[1], FIVE[1], FIVE[2], FIVE[2], FIVE[2], FIVE[3]]
    assert len({serial for _, serial in places}) == 7, "the target goes to its place anew each time"
    assert script.it.target == FIVE[4]


def test_points_at_which_an_eye_was_not_used_are_collected_once_more() -> None:
    script = Script()
    script.it.start()
    script.answer("entered")
    while script.it.state == "collecting":
        script.collect()
    used = [{"point": list(p), "left": 0 if p in FIVE[1:3] else 20, "right": 20} for p in FIVE]
    script.computed(points=used)
    assert script.it.state == "discarding" and script.last()["act"] == "discard"
    script.answer("discarded")
    assert script.last()["point"] == list(FIVE[2])
    script.answer("discarded", ok=False, error="It was never collected.", remedy="")
    assert script.it.target == FIVE[1] and script.it.n_left == 2
    script.collect()
    script.collect()
    script.computed(points=used)
    assert script.it.state == "leaving", "once is enough"


def test_a_tracker_that_paces_itself_is_followed() -> None:
    script = Script(frozenset({"calibration", "paced_calibration"}))
    script.it.start()
    script.answer("entered")
    assert script.acts()[-1] == "enter", "nothing before the first target rests"
    script.it.arrived()
    for point, following in zip(FIVE, [*FIVE[1:], None], strict=True):
        assert script.last()["act"] == "collect" and script.last()["point"] == list(point)
        script.answer("collected", ok=point != FIVE[1])
        script.it.arrived()
        assert script.it.target == following
    assert script.it.state == "computing" and script.acts().count("collect") == 5


def test_one_eye_only_is_said() -> None:
    script = Script()
    script.it.start()
    script.answer("entered")
    while script.it.state == "collecting":
        script.collect()
    script.computed(points=[{"point": list(p), "left": 0, "right": 20} for p in FIVE], eyes=("right",))
    assert script.it.state == "leaving" and script.it.note == "Only the right eye could be calibrated."


def test_a_tracker_that_is_calibrated_elsewhere_is_validated_at_once() -> None:
    script = Script(frozenset())
    assert script.sent == [], "nor is there a guide"
    script.it.start()
    assert script.it.state == "looking" and script.it.target == OTHERS[0]
    script.judge()
    attempt = script.it.attempts.in_force
    assert attempt is not None and attempt.calibration_id is None
    script.it.accept(attempt)
    assert script.last()["calibration_id"] is None


def test_a_look_that_was_lost_is_taken_again() -> None:
    script = Script(frozenset())
    script.it.start()
    script.look(loss=0.9)
    assert script.it.target == OTHERS[0]
    script.look(loss=0.1)
    assert script.it.target == OTHERS[1]
    script.it.handle({"event": "looked", "kind": "validation", "point": [0.9, 0.9], "n": 9, "loss": 0.0})
    assert script.it.target == OTHERS[1], "that was another target's"


class TestSeveralAttempts:
    @pytest.fixture
    def script(self) -> Script:
        made = Script()
        made.calibrate()
        made.judge(0.4)
        made.calibrate()
        made.judge(0.7)
        return made

    def test_the_better_one_is_gone_back_to(self, script: Script) -> None:
        first, second = script.it.attempts.all
        assert script.it.attempts.best is first and script.it.attempts.in_force is second
        script.it.accept(first)
        assert script.last() == {"do": "calibrate", "act": "apply", "attempt_id": 1} and script.it.state == "applying"
        script.answer("applied", attempt_id=1)
        assert script.last() == {"do": "use", "calibration_id": 1, "validation_id": 101}
        script.answer("left")
        script.it.handle({"event": "used", "calibration_id": 1, "validation_id": 101})
        assert script.it.state == "done" and script.it.attempts.in_force is first

    def test_going_back_without_being_done(self, script: Script) -> None:
        first = script.it.attempts.all[0]
        script.it.choose(first)
        script.answer("applied", attempt_id=1)
        script.it.handle({"event": "used", "calibration_id": 1, "validation_id": 101})
        assert script.it.state == "report" and script.it.attempts.in_force is first
        assert not script.it.attempts.may_look_again, "its looks are gone; it can only be validated anew"
        script.it.look_again(OTHERS[0])
        assert script.it.state == "report"

    def test_a_tracker_that_cannot_go_back_says_so_beside_the_report(self, script: Script) -> None:
        script.it.choose(script.it.attempts.all[0])
        script.answer("applied", ok=False, error="It cannot.", remedy="Calibrate again.")
        assert script.it.state == "report" and script.it.note == "It cannot. Calibrate again."
        assert script.it.attempts.in_force is script.it.attempts.all[1]

    def test_one_target_is_looked_at_again_and_the_attempt_keeps_its_number(self, script: Script) -> None:
        assert script.it.attempts.may_look_again
        script.it.look_again(OTHERS[2])
        assert script.it.target == OTHERS[2] and script.it.n_left == 1
        script.judge(0.5)
        assert [attempt.number for attempt in script.it.attempts.all] == [1, 2]
        assert script.it.attempts.all[1].validation_id == 103

    def test_breaking_off_another_one_comes_back_to_the_report(self, script: Script) -> None:
        script.it.start()
        script.answer("entered")
        script.collect()
        script.it.cancel()
        assert script.it.state == "report" and script.last()["act"] == "leave"
        assert script.it.attempts.in_force is script.it.attempts.all[1], "nothing was computed"
        script.it.start()
        assert script.last()["do"] == "guide", "it is still leaving"
        script.answer("left")
        assert script.last()["act"] == "enter"

    def test_a_calibration_that_ends_after_it_was_broken_off_counts_all_the_same(self, script: Script) -> None:
        script.it.start()
        script.answer("entered")
        while script.it.state == "collecting":
            script.collect()
        script.it.cancel()
        script.computed()
        assert script.it.state == "report" and script.it.attempts.in_force is None
        script.it.accept(script.it.attempts.all[1])
        assert script.last() == {"do": "calibrate", "act": "apply", "attempt_id": 2}, "the tracker has forgotten it"

    def test_eyes_that_disagree_are_not_the_better_ones(self, script: Script) -> None:
        script.calibrate()
        script.judge(0.1, left=3.0, right=3.0)
        assert script.it.attempts.best is script.it.attempts.all[0]


class TestTrouble:
    def test_a_tracker_that_does_not_enter(self) -> None:
        script = Script()
        script.it.start()
        script.answer("entered", ok=False, error="It is used by another program.", remedy="Close that.")
        assert script.it.state == "trouble" and script.it.trouble == ("It is used by another program.", "Close that.")
        script.it.start()
        assert script.last()["act"] == "enter"

    def test_nothing_could_be_computed(self) -> None:
        script = Script()
        script.it.start()
        script.answer("entered")
        while script.it.state == "collecting":
            script.collect()
        script.answer("computed", ok=False, eyes=[], attempt_id=1, points=[])
        assert script.it.state == "trouble" and script.last()["act"] == "leave"
        script.it.start()
        assert script.it.state == "entering" and script.last()["do"] == "guide", "it waits until the tracker has left"
        script.answer("left")
        assert script.last()["act"] == "enter"

    def test_a_tracker_that_fails_during_a_look(self) -> None:
        script = Script(frozenset())
        script.it.start()
        script.it.arrived()
        script.it.handle({"event": "looked", "point": None, "kind": None, "n": 0, "loss": 1.0, "error": "Gone.", "remedy": "Plug it in."})
        assert script.it.state == "trouble" and script.it.trouble == ("Gone.", "Plug it in.")
        script.it.cancel()
        assert script.it.state == "guide"

    def test_what_was_broken_off_before_the_report_goes_back_to_the_guide(self) -> None:
        script = Script()
        script.it.start()
        script.answer("entered")
        script.it.cancel()
        assert script.it.state == "guide" and script.sent[-2]["act"] == "leave" and script.last() == {"do": "guide", "on": True}
        script.answer("collected")
        assert script.it.state == "guide", "a late word changes nothing"
        script.it.close()
        assert script.it.state == "done" and script.last() == {"do": "guide", "on": False}
        script.it.fail("Too late.")
        assert script.it.state == "done"


def test_a_target_that_was_hardly_seen_is_named() -> None:
    said = figures(0.3, 0.4)
    said["points"] = [{"point": [x, 0.5], "average": {"loss": loss}} for x, loss in ((0.2, 0.0), (0.5, 0.1), (0.8, 0.43), (0.8, 0.0))]
    assert verdict(said).endswith("Much was lost at: right (43%). Look there again.")


@pytest.mark.parametrize(
    ("said", "expected", "words"),
    [
        (figures(0.4, 0.8), "good", "Good: 0.40° off on average, 0.80° at the worst target."),
        (figures(0.4, 1.2), "fair", "Usable"),
        (figures(0.8, 1.2), "fair", "Usable"),
        (figures(1.3, 1.6), "poor", "calibrate again"),
        (figures(0.8, 2.5), "poor", "calibrate again"),
        (figures(0.3, 0.4, left=1.5), "fair", "the left eye is 1.50° off and the right 0.30°"),
        (figures(0.3, 0.4, left=3.0, right=3.1), "poor", "gaze jumps"),
        (figures(0.3, 0.4, loss=0.4), "poor", "40% of the samples were lost"),
        (figures(0.3, 0.4, seen=3), "poor", "1 of 4 targets were not seen"),
        (figures(None), "poor", "not seen at any target"),
    ],
)
def test_figures_become_a_verdict(said: dict[str, Any], expected: str, words: str) -> None:
    assert grade(said) == expected and words in verdict(said)


def test_a_new_calibration_is_suggested_when_drift_or_cases_say_so() -> None:
    assert recalibration_advice(24, 0.9) == "" and recalibration_advice(0, None) == ""
    assert "25 readings" in recalibration_advice(25, 0.2)
    assert "drifted by 1.00°" in recalibration_advice(3, 1.0)
    assert "10 readings" in recalibration_advice(10, None, RecalibrationLimits(cases=10))
    assert "2.50° apart" in recalibration_advice(0, 0.1, apart_deg=2.5)
    assert recalibration_advice(0, 0.1, apart_deg=1.5) == ""


def test_places_have_names() -> None:
    assert [place_words(point) for point in ((0.5, 0.5), (0.2, 0.5), (0.5, 0.8), (0.5, 0.2), (0.9, 0.1))] == [
        "middle",
        "left",
        "bottom",
        "top",
        "upper right",
    ]
