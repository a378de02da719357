"""Where a simulated reader sits: the screen, the film on it, and a script's looks as the targets of a simulated eye tracker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.synthetic.anatomy import SIDE
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.reader import Script
from egma_core.trackers.scanpath import GazeTarget

SCREEN = Screen(width_px=1920, height_px=1080, width_mm=531.0, height_mm=299.0, distance_mm=650.0)
REGION = Rect(360.0, 40.0, 1560.0, 1040.0)
"""Where the film is shown: the middle of the screen, panels left and right of it."""

ZOOM_SHARE = 0.25
ZOOM = 1.2


def viewports_of(phantom: Phantom, script: Script, instance_uid: str, start_ns: int, *, seed: int) -> list[Viewport]:
    """The film fitted to its region from the start; some readers zoom in later, about the film's middle.

    Args:
        phantom: The film.
        script: Its reading.
        instance_uid: SOP Instance UID that the viewports name.
        start_ns: When the reading starts, on the host clock.
        seed: Decides together with the phantom whether and when the reader zooms.
    """
    fit = min(REGION.width, REGION.height) / SIDE
    zooms = [(start_ns, 1.0)]
    rng = np.random.default_rng((phantom.seed, seed, 7))
    if rng.random() < ZOOM_SHARE:
        zooms.append((start_ns + round(rng.uniform(0.3, 0.7) * script.duration_s * 1e9), ZOOM))
    shown: list[Viewport] = []
    for host_ns, zoom in zooms:
        scale = fit * zoom
        dx = (REGION.left + REGION.right - SIDE * scale) / 2
        dy = (REGION.top + REGION.bottom - SIDE * scale) / 2
        shown.append(Viewport(host_ns, instance_uid, 1, Transform.scaling("image", "screen", scale, scale, dx, dy), REGION))
    return shown


def targets_of(script: Script, viewports: Sequence[Viewport], start_ns: int) -> list[GazeTarget]:
    """The script's looks as display fractions, through the viewport that is shown when each begins."""
    screen_to_display = SCREEN.display_to_screen().inverse()
    targets: list[GazeTarget] = []
    for look in script.looks:
        onset_ns = start_ns + round(look.onset_s * 1e9)
        shown = [v for v in viewports if v.host_ns <= onset_ns][-1]
        x, y = shown.image_to_screen.then(screen_to_display).apply((look.x_px, look.y_px)).tolist()
        targets.append(GazeTarget(onset_ns, start_ns + round(look.offset_s * 1e9), x, y))
    return targets
