"""What the screen showed at each moment, and gaze placed on the film through that log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from egma_core.gaze.samples import Eye, GazeSamples
from egma_core.geometry import Rect, Screen, Transform

POINTER_GRID_HZ = 60.0
"""A mouse reports only when it moves; its samples are held onto a grid of this rate before they are placed."""


@dataclass(frozen=True)
class Viewport:
    """The state of the film on the screen from `host_ns` until the next viewport, logged as it was painted.

    Attributes:
        host_ns: When the frame was painted, on the host clock.
        instance_uid: SOP Instance UID of the film shown, or "" while none is (minimised, covered, blank).
        frame: Frame of the instance, counted from 1.
        image_to_screen: Where image pixels lie on the screen, in native pixels.
        region: The part of the screen, in native pixels, inside which the film is visible.
        window_center: VOI window centre in modality units, or None where a table is used.
        window_width: VOI window width in modality units, or None where a table is used.
        inverted: Whether the reader inverted the grey scale.
    """

    host_ns: int
    instance_uid: str
    frame: int
    image_to_screen: Transform
    region: Rect
    window_center: float | None = None
    window_width: float | None = None
    inverted: bool = False


@dataclass(frozen=True)
class PlacedGaze:
    """Gaze on the screen and, where a film was under it, on the film; every array has shape (n,).

    Attributes:
        time_s: Seconds since the reading's start, in the samples' order.
        screen_x_px: Gaze across the screen in native pixels; NaN where invalid.
        screen_y_px: Gaze down the screen in native pixels; NaN where invalid.
        x_px: Gaze across the film in image pixels; NaN off the film, outside its visible region, or where invalid.
        y_px: Gaze down the film in image pixels; NaN likewise.
        distance_mm: Eye to screen centre; the screen's own distance where the tracker does not say.
        px_per_deg: Image pixels for one degree of visual angle at the zoom in force; NaN while no film is shown.
        viewport: Index into the viewport log, -1 while no film is shown. Neighbouring viewports that show the film
            in the same place (only the grey scale changed) all count as the first of them, so that the index
            changes exactly when the film moves.
        valid: Whether gaze was measured.
        screen: The screen looked at.
    """

    time_s: NDArray[np.float64]
    screen_x_px: NDArray[np.float64]
    screen_y_px: NDArray[np.float64]
    x_px: NDArray[np.float64]
    y_px: NDArray[np.float64]
    distance_mm: NDArray[np.float64]
    px_per_deg: NDArray[np.float64]
    viewport: NDArray[np.int64]
    valid: NDArray[np.bool_]
    screen: Screen

    def __len__(self) -> int:
        """How many samples there are."""
        return len(self.time_s)

    @classmethod
    def on_screen(cls, time_s: ArrayLike, x_px: ArrayLike, y_px: ArrayLike, screen: Screen) -> PlacedGaze:
        """Gaze of any recording without a film.

        Args:
            time_s: (n,) seconds.
            x_px: (n,) native screen pixels from the left edge; NaN where lost.
            y_px: (n,) native screen pixels from the top edge; NaN where lost.
            screen: The screen looked at; its distance holds for all samples.
        """
        time, x, y = (np.asarray(a, dtype=np.float64) for a in (time_s, x_px, y_px))
        nowhere = np.full(len(time), np.nan)
        return cls(
            time_s=time,
            screen_x_px=x,
            screen_y_px=y,
            x_px=nowhere,
            y_px=nowhere,
            distance_mm=np.full(len(time), screen.distance_mm),
            px_per_deg=nowhere,
            viewport=np.full(len(time), -1, dtype=np.int64),
            valid=np.isfinite(x) & np.isfinite(y),
            screen=screen,
        )


def gaze_on_image(
    samples: GazeSamples,
    viewports: Sequence[Viewport],
    screen: Screen,
    *,
    started_ns: int,
    eye: Eye = "average",
    image_shapes: Mapping[str, tuple[int, int]] | None = None,
    ended_ns: int | None = None,
) -> PlacedGaze:
    """Place raw gaze on the screen and on the film shown at that moment.

    Every sample goes back through the affine of the viewport in force at its time. Samples of a mouse, which is
    silent while it rests, are first held onto a regular grid (`POINTER_GRID_HZ`) until `ended_ns`; everything
    that follows, fixations above all, then treats a resting pointer as what it is.

    Args:
        samples: Raw samples, in fractions of the display area.
        viewports: The viewport log, in order of `host_ns`.
        screen: The screen that display fractions refer to.
        started_ns: The reading's start on the host clock.
        eye: `left` and `right` take that eye alone; `average` takes the mean of both, or the one that is valid;
            `strict_average` takes the mean of both where both are valid, and nothing elsewhere.
        image_shapes: (rows, columns) of each film by its SOP Instance UID; gaze beyond a film's edge is off it.
            Of a film that is not named only the upper left edges are known.
        ended_ns: The reading's end on the host clock, if known.
    """
    if samples.origin == "mouse":
        samples = samples.held(POINTER_GRID_HZ, ended_ns)
    x, y, distance = looked_at(samples.rows, eye)
    valid = np.isfinite(x) & np.isfinite(y)
    screen_x, screen_y = screen.display_to_screen().apply(np.stack([x, y], axis=-1)).T
    distance = np.where(np.isfinite(distance) & (distance > 0), distance, screen.distance_mm)
    log = _Log.of(viewports, image_shapes or {})
    in_force = np.searchsorted(log.host_ns, samples.host_ns, side="right") - 1
    shown = (in_force >= 0) & log.shows[in_force]
    image_x, image_y = log.to_image(screen_x, screen_y, in_force)
    on_film = valid & shown & log.holds(screen_x, screen_y, image_x, image_y, in_force)
    return PlacedGaze(
        time_s=(samples.host_ns - started_ns) / 1e9,
        screen_x_px=np.where(valid, screen_x, np.nan),
        screen_y_px=np.where(valid, screen_y, np.nan),
        x_px=np.where(on_film, image_x, np.nan),
        y_px=np.where(on_film, image_y, np.nan),
        distance_mm=distance,
        # Screen pixels for a degree grow in proportion to the distance; the zoom turns them into image pixels.
        px_per_deg=np.where(shown, screen.px_per_deg(1.0) * distance / log.scale[in_force], np.nan),
        viewport=np.where(shown, log.first_alike[in_force], -1),
        valid=valid,
        screen=screen,
    )


def looked_at(rows: NDArray[np.void], eye: Eye) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Gaze (display fractions) and eye distance (mm) of the chosen eye or eyes, each (n,); NaN where there is none."""
    sides = (eye,) if eye in ("left", "right") else ("left", "right")
    x, y, distance = (np.stack([rows[f"{side}_{name}"] for side in sides]).astype(np.float64) for name in ("x", "y", "distance_mm"))
    seen = np.stack([rows[f"{side}_valid"] for side in sides]) & np.isfinite(x) & np.isfinite(y)
    if eye == "strict_average":
        seen &= seen.all(axis=0)
    return _mean(x, seen), _mean(y, seen), _mean(distance, seen & np.isfinite(distance))


def _mean(values: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean over the first axis of the counted values; NaN where none counts."""
    n = counted.sum(axis=0)
    total = np.where(counted, values, 0.0).sum(axis=0)
    return np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0)


@dataclass(frozen=True)
class _Log:
    """A viewport log of v entries as arrays; where v is 0, one entry that shows nothing stands in.

    Attributes:
        host_ns: (v,) times.
        inverse: (v, 6) screen to image: xx, xy, yx, yy, dx, dy.
        region: (v, 4) left, top, right, bottom in screen pixels.
        shape: (v, 2) rows and columns of the film; infinite where unknown.
        scale: (v,) screen pixels for one image pixel.
        shows: (v,) whether a film is shown.
        first_alike: (v,) first entry of the run that shows the same film in the same place.
    """

    host_ns: NDArray[np.int64]
    inverse: NDArray[np.float64]
    region: NDArray[np.float64]
    shape: NDArray[np.float64]
    scale: NDArray[np.float64]
    shows: NDArray[np.bool_]
    first_alike: NDArray[np.int64]

    @classmethod
    def of(cls, viewports: Sequence[Viewport], image_shapes: Mapping[str, tuple[int, int]]) -> _Log:
        """Gather the log's numbers."""
        identity = Transform.scaling("image", "screen", 1.0, 1.0)
        entries = viewports or (Viewport(np.iinfo(np.int64).max, "", 1, identity, Rect(0.0, 0.0, 0.0, 0.0)),)
        maps = [v.image_to_screen for v in entries]
        forward = np.array([(t.xx, t.xy, t.yx, t.yy, t.dx, t.dy) for t in maps], dtype=np.float64)
        region = np.array([(v.region.left, v.region.top, v.region.right, v.region.bottom) for v in entries], dtype=np.float64)
        codes: dict[tuple[str, int], int] = {}
        film = np.array([codes.setdefault((v.instance_uid, v.frame), len(codes)) for v in entries], dtype=np.float64)
        xx, xy, yx, yy, dx, dy = forward.T
        determinant = xx * yy - xy * yx
        shows = np.array([v.instance_uid != "" for v in entries]) & (np.abs(determinant) > 1e-15)
        solid = np.where(shows, determinant, 1.0)
        inverse = np.stack([yy, -xy, -yx, xx, xy * dy - yy * dx, yx * dx - xx * dy], axis=-1) / solid[:, None]
        where = np.concatenate([forward, region, film[:, None], shows[:, None]], axis=1)
        moved = np.concatenate([[True], np.any(where[1:] != where[:-1], axis=1)])
        return cls(
            host_ns=np.array([v.host_ns for v in entries], dtype=np.int64),
            inverse=inverse,
            region=region,
            shape=np.array([image_shapes.get(v.instance_uid, (np.inf, np.inf)) for v in entries], dtype=np.float64),
            scale=np.sqrt(np.abs(solid)),
            shows=shows,
            first_alike=np.maximum.accumulate(np.where(moved, np.arange(len(entries)), 0)),
        )

    def to_image(
        self, screen_x: NDArray[np.float64], screen_y: NDArray[np.float64], entry: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Screen points to image points through the entry that holds for each."""
        xx, xy, yx, yy, dx, dy = self.inverse[entry].T
        return xx * screen_x + xy * screen_y + dx, yx * screen_x + yy * screen_y + dy

    def holds(
        self,
        screen_x: NDArray[np.float64],
        screen_y: NDArray[np.float64],
        image_x: NDArray[np.float64],
        image_y: NDArray[np.float64],
        entry: NDArray[np.intp],
    ) -> NDArray[np.bool_]:
        """Whether each point lies in the visible region and on the film."""
        left, top, right, bottom = self.region[entry].T
        rows, columns = self.shape[entry].T
        visible = (screen_x >= left) & (screen_x < right) & (screen_y >= top) & (screen_y < bottom)
        return visible & (image_x >= 0) & (image_x < columns) & (image_y >= 0) & (image_y < rows)
