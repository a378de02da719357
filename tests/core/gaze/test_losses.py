from __future__ import annotations

import numpy as np
import pytest

from egma_core.gaze.losses import find_losses

TIME = np.arange(0.0, 4.0, 0.01)


def seen(*spans: tuple[float, float], eyes: int = 2) -> np.ndarray:
    """(n, eyes) all seen but during `spans`, given in samples' times with the end left out."""
    lost = np.zeros(len(TIME), dtype=bool)
    for begin, end in spans:
        lost[round(begin * 100) : round(end * 100)] = True
    return np.repeat(~lost[:, None], eyes, axis=1)


@pytest.mark.parametrize(
    ("length_s", "kind"), [(0.02, "loss"), (0.04, "loss"), (0.05, "blink"), (0.15, "blink"), (0.5, "blink"), (0.51, "loss"), (2.0, "loss")]
)
@pytest.mark.parametrize("eyes", [1, 2])
def test_a_blink_is_a_loss_of_all_eyes_of_a_lid_s_length(length_s: float, kind: str, eyes: int) -> None:
    found = find_losses(TIME, seen((1.0, 1.0 + length_s), eyes=eyes))
    assert found.kind.tolist() == [kind]
    assert found.onset_s[0] == pytest.approx(0.995) and found.duration_s[0] == pytest.approx(length_s)


def test_one_eye_gone_is_no_blink_unless_the_other_closes_within() -> None:
    eyes = seen((1.0, 1.2))
    eyes[:, 1] = True
    assert find_losses(TIME, eyes).kind.tolist() == ["one_eye"]
    eyes[105:115, 1] = False
    assert find_losses(TIME, eyes).kind.tolist() == ["blink"]


def test_what_begins_or_ends_with_the_recording_is_no_blink() -> None:
    found = find_losses(TIME, seen((0.0, 0.2), (1.0, 1.2), (3.8, 4.0)))
    assert found.kind.tolist() == ["loss", "blink", "loss"]
    assert found.onset_s[0] == TIME[0] and found.offset_s[-1] == TIME[-1]


def test_missing_samples_are_a_loss_whatever_their_length() -> None:
    kept = (TIME < 1.0) | (TIME > 1.195)
    eyes = seen((2.0, 2.2))
    found = find_losses(TIME[kept], eyes[kept])
    assert found.kind.tolist() == ["loss", "blink"]
    assert (found.onset_s[0], found.offset_s[0]) == (pytest.approx(0.995), pytest.approx(1.195))
    inside = (TIME < 2.05) | (TIME > 2.1)
    assert find_losses(TIME[inside], eyes[inside]).kind.tolist() == ["loss"]


def test_nothing_lost_and_nothing_recorded() -> None:
    assert len(find_losses(TIME, seen())) == 0
    assert len(find_losses(np.zeros(0), np.zeros((0, 2), dtype=bool))) == 0
    blind = find_losses(TIME, np.zeros((len(TIME), 2), dtype=bool))
    assert blind.kind.tolist() == ["loss"] and blind.duration_s[0] == pytest.approx(3.99)
