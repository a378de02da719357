from __future__ import annotations

from typing import Any

import pytest

from egma_app.capture.standing import Standing
from egma_core.recording.protocol import CalibrationLimits


def judged(attempt_id: int, accuracy_deg: float | None) -> dict[str, Any]:
    return {"event": "judged", "kind": "validation", "attempt_id": attempt_id, "figures": {"average": {"accuracy_deg": accuracy_deg}}}


DRIFT = {"event": "judged", "kind": "drift_check", "attempt_id": 9, "figures": {"drift": {"deg": 1.4}}}
COMPUTED = {"event": "calibration", "act": "computed", "ok": True, "attempt_id": 1}


def test_a_calibration_and_its_validation_count_from_the_moment_they_are_in_force() -> None:
    standing = Standing()
    assert not standing.calibrated and standing.words == ""
    assert standing.take(COMPUTED) and standing.words == "calibrated"
    standing.take(judged(2, 0.46))
    assert (standing.accuracy_deg, standing.words) == (0.46, "calibrated, 0.46° off on average")
    standing.take(judged(3, 0.9))
    standing.take({"event": "used", "calibration_id": 1, "validation_id": 2})
    assert standing.accuracy_deg == 0.46, "an earlier, better one was chosen"
    standing.forget()
    assert not standing.calibrated


def test_a_failed_calibration_changes_nothing() -> None:
    standing = Standing()
    standing.take({**COMPUTED, "ok": False})
    assert not standing.calibrated
    assert not standing.take({"event": "position", "left": None, "right": None})


def test_a_new_calibration_is_suggested_after_many_readings() -> None:
    standing = Standing()
    for _ in range(standing.limits.cases):
        assert standing.advice == ""
        standing.read()
    assert "25 readings since" in standing.advice
    standing.take(judged(4, 0.4))
    assert standing.advice == ""


def test_drift_is_told_until_it_is_put_right() -> None:
    standing = Standing()
    standing.take(DRIFT)
    assert "drifted by 1.40°" in standing.advice
    standing.take({"event": "corrected", "attempt_id": 9, "dx": 0.0, "dy": 0.1})
    assert standing.advice == ""


@pytest.mark.parametrize(
    ("accuracy_deg", "highest_deg", "words"),
    [(None, 1.0, "asks for a validated calibration"), (0.5, 1.0, ""), (1.2, 1.0, "allows 1.00°"), (1.2, 1.5, "")],
)
def test_a_protocol_may_ask_for_a_calibration(accuracy_deg: float | None, highest_deg: float, words: str) -> None:
    standing = Standing()
    if accuracy_deg is not None:
        standing.take(judged(1, accuracy_deg))
    refusal = standing.refusal(CalibrationLimits(accuracy_deg=highest_deg))
    assert words in refusal and bool(refusal) == bool(words)


def test_a_calibration_that_nobody_validated_does_not_meet_a_limit() -> None:
    standing = Standing()
    standing.take(COMPUTED)
    assert "validated" in standing.refusal(CalibrationLimits())
    assert standing.refusal(CalibrationLimits(required=False)) == ""
