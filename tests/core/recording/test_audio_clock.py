from __future__ import annotations

import itertools

import numpy as np
import pytest

from egma_core.recording.audio_clock import AudioClock, Block
from egma_core.recording.stitching import Stitcher

RATE = 16_000
N = 320
START_NS = 7_000_000_000_000


def blocks(
    seconds: float,
    *,
    ppm: float = 0.0,
    seed: int = 0,
    adc: str = "true",
    stalls: tuple[tuple[float, float], ...] = (),
    first_s: float = 0.0,
) -> list[Block]:
    """What a sound card delivers whose crystal is `ppm` slow: late by 0.3 ms on average, held up now and then, with 5 ms of buffer."""
    rng = np.random.default_rng(seed)
    out: list[Block] = []
    entered_s = 0.0
    for k in range(int(first_s * RATE / N), int(seconds * RATE / N)):
        heard_s = k * N / RATE * (1 + ppm * 1e-6)
        ready_s = heard_s + N / RATE + 0.005 + rng.exponential(0.0003)
        for begin, length in stalls:
            if begin <= ready_s < begin + length:
                ready_s = begin + length + 0.0001
        entered_s = max(ready_s, entered_s + 0.00001)
        current_s = entered_s - 0.00002
        said = {
            "true": (heard_s + 100.0, current_s + 100.0),
            "zero": (0.0, 0.0),
            "stuck": (55.0, 55.02),
            "frozen_adc": (55.0, current_s + 55.1),
        }
        out.append(Block(START_NS + round(entered_s * 1e9), N, *said[adc], False, bytes(2 * N)))
    return out


def known(of: list[Block]) -> AudioClock:
    clock = AudioClock(RATE)
    for k, block in enumerate(of):
        clock.add(k * N, block)
    return clock


@pytest.mark.parametrize("adc", ["true", "zero", "stuck", "frozen_adc"])
@pytest.mark.parametrize("ppm", [-80.0, 0.0, 120.0])
def test_a_drifting_card_is_fitted_whatever_portaudio_says_of_the_time(adc: str, ppm: float) -> None:
    fit = known(blocks(120, ppm=ppm, adc=adc, stalls=((30, 0.4), (31, 0.2), (80, 1.5)))).fit()
    assert fit is not None
    assert fit.drift_ppm == pytest.approx(ppm, abs=2.0)
    # Where PortAudio's time is right, so is ours; by arrival alone the 5 ms of buffer cannot be seen.
    buffer_ms = 0.0 if adc == "true" else 5.0
    assert (fit.offset_ns - START_NS) / 1e6 == pytest.approx(buffer_ms, abs=0.3)
    assert fit.residual_p99_ms < 1.0
    assert fit.verdict == "good"


@pytest.mark.parametrize("adc", ["true", "zero"])
def test_the_live_time_of_a_sample_is_right_from_the_first_blocks_on(adc: str) -> None:
    clock = AudioClock(RATE)
    errors = []
    for k, block in enumerate(blocks(60, ppm=100.0, adc=adc, stalls=((20, 0.5),))):
        clock.add(k * N, block)
        if k >= 5 and k % 25 == 0:
            truth_ns = START_NS + k * N * 1e9 / RATE * (1 + 100e-6)
            errors.append((clock.host_ns(k * N) - truth_ns) / 1e6)
    assert np.abs(np.array(errors) - (0 if adc == "true" else 5)).max() < 1.5


def test_too_little_gives_no_fit() -> None:
    assert AudioClock(RATE).fit() is None
    assert known(blocks(0.5)).fit() is None


def test_a_card_far_off_its_rate_is_flagged() -> None:
    fit = known(blocks(60, ppm=900.0)).fit()
    assert fit is not None
    assert fit.drift_ppm == pytest.approx(900, abs=5)
    assert fit.verdict == "flagged"


def test_samples_lost_unnoticed_are_seen_in_the_residuals() -> None:
    of = blocks(60, adc="zero")
    clock = known(of[:1500] + of[1510:])  # 200 ms are missing and nobody says so
    fit = clock.fit()
    assert fit is not None
    assert fit.residual_p99_ms > 20
    assert fit.verdict == "flagged"


@pytest.mark.parametrize("adc", ["true", "zero", "stuck"])
def test_an_overflow_leaves_a_gap_of_the_right_length(adc: str) -> None:
    of = blocks(20, adc=adc)
    lost = 17
    of = [
        *of[:500],
        Block(of[500 + lost].entered_ns, N, of[500 + lost].adc_s, of[500 + lost].current_s, True, bytes(2 * N)),
        *of[501 + lost :],
    ]
    stitcher = Stitcher(RATE, START_NS)
    chunks = []
    for at in range(0, len(of), 5):
        chunks += stitcher.take(of[at : at + 5], 1, ended=at + 5 >= len(of))
    assert sum(len(c.samples) for c in chunks) == len(of) * N
    gaps = [b.first_sample - (a.first_sample + len(a.samples)) for a, b in itertools.pairwise(chunks)]
    found = [gap for gap in gaps if gap]
    assert found == [pytest.approx(lost * N, abs=0.003 * RATE)]
    assert [loss.told for loss in stitcher.losses] == [True]
    assert all(a.t1_ns <= b.t0_ns for a, b in itertools.pairwise(chunks))
    fit = stitcher.clock.fit()
    assert fit is not None
    assert fit.verdict == "good"


def test_blocks_behind_an_overflow_wait_until_its_length_can_be_told() -> None:
    of = blocks(2)
    stitcher = Stitcher(RATE, START_NS)
    stitcher.take(of[:50], 1)
    broken = Block(of[60].entered_ns, N, of[60].adc_s, of[60].current_s, True, of[60].data)
    assert stitcher.take([broken, *of[61:63]], 1) == []
    (chunk,) = stitcher.take(of[63:66], 1)
    assert chunk.first_sample == pytest.approx(60 * N, abs=0.003 * RATE)
    assert len(chunk.samples) == 6 * N


def test_a_silent_loss_is_noticed_and_what_follows_is_placed_right() -> None:
    of = blocks(20, adc="zero")
    of = of[:400] + of[410:]
    stitcher = Stitcher(RATE, START_NS)
    chunks = []
    for at in range(0, len(of), 5):
        chunks += stitcher.take(of[at : at + 5], 1)
    assert [loss.told for loss in stitcher.losses] == [False]
    assert stitcher.losses[0].seconds == pytest.approx(0.2, abs=0.005)
    last = chunks[-1]
    assert last.first_sample + len(last.samples) == pytest.approx((len(of) + 10) * N, abs=0.005 * RATE)


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_another_rate_is_brought_to_16_khz_with_true_indices_across_a_gap(rate: int) -> None:
    n = rate // 50
    tone = lambda first: (12000 * np.sin(2 * np.pi * 500 * (first + np.arange(n)) / rate)).astype("<i2")  # noqa: E731 - a formula
    stitcher = Stitcher(rate, START_NS)
    chunks = []
    for k in [*range(50), *range(60, 110)]:
        ready_ns = START_NS + round((k + 1) * n / rate * 1e9)
        stereo = np.repeat(tone(k * n), 2).tobytes()
        chunks += stitcher.take([Block(ready_ns, n, 0.0, 0.0, k == 60, stereo)], 2, ended=k == 109)
    for chunk in chunks:
        index = chunk.first_sample + np.arange(len(chunk.samples))
        edge = ((index > 200) & (index < 15_700)) | ((index > 19_500) & (index < 34_900))
        expected = 12000 * np.sin(2 * np.pi * 500 * index / 16_000)
        assert np.abs(chunk.samples - expected)[edge].max(initial=0.0) < 15
        assert chunk.t0_ns == pytest.approx(START_NS + chunk.first_sample / 16_000 * 1e9, abs=1e6)
    assert chunks[0].first_sample == 0
    assert chunks[-1].first_sample + len(chunks[-1].samples) == pytest.approx(110 * 320, abs=1)


def test_times_of_portaudio_that_creep_are_not_believed() -> None:
    """PulseAudio tells of a delay that melts away in the first second, while blocks come evenly: nothing was lost."""
    rng = np.random.default_rng(1)
    stitcher, chunks = Stitcher(RATE, START_NS), []
    for k in range(600):
        entered_s = (k + 1) * 0.02 + rng.exponential(0.0003)
        lag_s = 0.02 + max(0.0, 0.34 * (1 - k / 40))
        chunks += stitcher.take([Block(START_NS + round(entered_s * 1e9), N, entered_s - lag_s + 9, entered_s + 9, False, bytes(640))], 1)
    assert stitcher.losses == []
    fit = stitcher.clock.fit()
    assert fit is not None
    assert fit.residual_p99_ms < 5
    assert chunks[-1].t1_ns == pytest.approx(START_NS + 12e9, abs=2e6)
