from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.gaze.detectors import IDT
from egma_core.gaze.dispersion import runs_by_dispersion
from egma_core.gaze.track import Track
from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen

SCREEN = Screen(1920, 1080, 530.0, 300.0, 650.0)
PX_PER_DEG = SCREEN.px_per_deg()


def track(time_s: np.ndarray, deg: np.ndarray) -> Track:
    """Gaze (n, 2) in degrees about the screen's middle, as usable samples; nothing is bridged."""
    x, y = (np.tan(np.radians(deg)) * SCREEN.distance_mm).T
    at = (x / SCREEN.width_mm + 0.5) * SCREEN.width_px, (y / SCREEN.height_mm + 0.5) * SCREEN.height_px
    return Track.of(PlacedGaze.on_screen(time_s, *at, SCREEN), IDT(fill_ms=0.0))


def by_the_book(found: Track, dispersion_deg: float, minimum_s: float) -> list[tuple[int, int]]:
    """Salvucci & Goldberg's loop, a sample at a time."""
    x, y, z = found.direction.T
    angle = np.degrees(np.stack([np.arctan2(x, z), np.arctan2(y, np.hypot(x, z))], axis=-1))

    def fits(i: int, j: int) -> bool:
        return bool(np.ptp(angle[i : j + 1], axis=0).sum() <= dispersion_deg)

    runs: list[tuple[int, int]] = []
    i, n = 0, len(found)
    while i < n:
        j = i
        while j < found.last[i] and found.time_s[j] - found.time_s[i] < minimum_s - 1e-9:
            j += 1
        if found.time_s[j] - found.time_s[i] < minimum_s - 1e-9 or not fits(i, j):
            i += 1
            continue
        while j < found.last[i] and fits(i, j + 1):
            j += 1
        runs.append((i, j))
        i = j + 1
    return runs


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 400), minimum_ms=st.integers(1, 300), dispersion=st.floats(0.2, 3.0))
def test_the_fast_way_finds_what_the_book_s_loop_finds(seed: int, n: int, minimum_ms: int, dispersion: float) -> None:
    random = np.random.default_rng(seed)
    time = np.cumsum(random.uniform(0.002, 0.012, n)) + np.cumsum(random.random(n) < 0.01) * 0.5
    steps = np.cumsum((random.random((n, 1)) < 0.03) * random.normal(0.0, 2.0, (n, 2)), axis=0)
    found = track(time, np.clip(steps, -15.0, 15.0) + random.normal(0.0, 0.1, (n, 2)))
    first, last = runs_by_dispersion(found, dispersion, minimum_ms / 1e3)
    assert list(zip(first.tolist(), last.tolist(), strict=True)) == by_the_book(found, dispersion, minimum_ms / 1e3)


def test_a_long_rest_is_one_run_and_what_follows_at_once_another() -> None:
    time = np.arange(2000) / 1000
    deg = np.zeros((2000, 2))
    deg[1200:, 0] = 3.0
    first, last = runs_by_dispersion(track(time, deg), 1.0, 0.1)
    assert (first.tolist(), last.tolist()) == ([0, 1200], [1199, 1999])
