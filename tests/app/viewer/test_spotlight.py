from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRect, Qt
from PySide6.QtGui import QImage, QMouseEvent, QPaintEvent, QRegion
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from egma_app.viewer.image_view import ImageView
from egma_app.viewer.spotlight import EDGE, Spotlight
from egma_core.dicom.display import render
from egma_core.dicom.image import DicomImage, Window
from egma_core.gaze.viewport import Viewport

MakeFilm = Callable[..., DicomImage]
RADIUS, BLUR = 40.0, 12.0
NONE = Qt.KeyboardModifier.NoModifier


class Watched(ImageView):
    """A view that remembers what was painted."""

    def __init__(self) -> None:
        self.regions: list[QRegion] = []
        super().__init__()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's own name
        self.regions.append(event.region())
        super().paintEvent(event)


@pytest.fixture
def view(qtbot: QtBot) -> Watched:
    made = Watched()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    qtbot.waitExposed(made)
    return made


def pixels(view: ImageView) -> NDArray[np.uint8]:
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return data[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def point(view: ImageView, x: float, y: float) -> None:
    none = Qt.MouseButton.NoButton
    QApplication.sendEvent(view, QMouseEvent(QEvent.Type.MouseMove, QPointF(x, y), view.mapToGlobal(QPointF(x, y)), none, none, NONE))


def at_one_to_one(view: ImageView, film: DicomImage) -> tuple[NDArray[np.uint8], QRect]:
    """Show a film at 1:1; return its grey levels and where it lies in the view."""
    view.set_image(film)
    view.actual_size()
    corner = view.from_image(0.0, 0.0)
    return render(film), QRect(round(corner.x()), round(corner.y()), film.columns, film.rows)


def test_sharp_inside_blurred_outside(view: Watched, make_film: MakeFilm) -> None:
    expected, place = at_one_to_one(view, make_film(240, 300, windows=(Window(1500.0, 3000.0),)))
    view.set_spotlight(Spotlight(RADIUS, BLUR))
    point(view, 200.0, 150.0)
    seen = pixels(view)[place.top() : place.top() + 240, place.left() : place.left() + 300, 0].astype(float)
    down, across = np.mgrid[0:240, 0:300] + 0.5
    distance = np.hypot(across + place.left() - 200.0, down + place.top() - 150.0)
    inside = distance < (1.0 - EDGE) * RADIUS - 2.0
    assert inside.sum() > 1500
    assert np.array_equal(seen[inside], expected[inside])
    outside = (distance > RADIUS + 2.0) & (across > 60) & (down > 60)
    assert seen[outside].std() < 0.2 * expected[outside].astype(float).std(), "noise of single pixels is gone"
    assert abs(seen[outside].mean() - expected[outside].mean()) < 3.0, "as bright as before"


def test_the_blur_is_a_gaussian_of_the_size_asked_for(view: Watched, make_film: MakeFilm) -> None:
    film = make_film(240, 300, windows=(Window(2048.0, 4096.0),))
    film.pixels[:] = 0
    film.pixels[:, :, 150:] = 4095
    _, place = at_one_to_one(view, film)
    view.set_spotlight(Spotlight(RADIUS, BLUR))
    profile = pixels(view)[place.top() + 120, place.left() : place.left() + 300, 0].astype(float) / 255.0
    spread = np.diff(profile)
    where = np.arange(1, 300)
    middle = (spread * where).sum() / spread.sum()
    assert middle == pytest.approx(150.0, abs=1.0)
    assert np.sqrt((spread * (where - middle) ** 2).sum() / spread.sum()) == pytest.approx(BLUR, rel=0.1)


def test_colour_turns_and_inversion_are_kept(view: Watched, make_film: MakeFilm) -> None:
    film = make_film(200, 200, colour=True)
    film.pixels[:] = (200, 100, 20)
    film.pixels[:, 100:] = (20, 100, 200)
    view.set_image(film)
    view.rotate()
    view.invert()
    view.set_spotlight(Spotlight(RADIUS, BLUR))
    point(view, 240.0, 150.0)
    shown = pixels(view)
    assert np.allclose(shown[150, 340], (55, 155, 235), atol=2) and np.allclose(shown[150, 60], (235, 155, 55), atol=2)
    assert np.allclose(shown[150, 240], (55, 155, 235), atol=2)


def test_moving_paints_the_old_and_the_new_place_alone(view: Watched, make_film: MakeFilm, qtbot: QtBot) -> None:
    view.set_image(make_film(600, 800))
    view.set_spotlight(Spotlight(RADIUS, BLUR))
    point(view, 100.0, 100.0)
    qtbot.wait(1)
    view.grab()
    view.regions.clear()
    point(view, 300.0, 200.0)
    qtbot.waitUntil(lambda: bool(view.regions))
    painted = QRegion()
    for region in view.regions:
        painted = painted.united(region)
    side = 2 * RADIUS + 8
    assert sum(rect.width() * rect.height() for rect in painted) <= 2 * side**2  # pyright: ignore[reportGeneralTypeIssues]
    assert painted.contains(QRect(100 - 38, 100 - 38, 76, 76)) and painted.contains(QRect(300 - 38, 200 - 38, 76, 76))


def test_away_from_the_film_nothing_is_sharp(view: Watched, make_film: MakeFilm) -> None:
    film = make_film(240, 300)
    view.set_image(film)
    view.set_spotlight(Spotlight(RADIUS, BLUR))
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    blurred = pixels(view)
    point(view, 200.0, 150.0)
    assert not np.array_equal(pixels(view), blurred)
    QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
    assert np.array_equal(pixels(view), blurred)
    point(view, 200.0, 150.0)
    view.set_spotlight(None)
    assert pixels(view)[..., 0].std() > 1.5 * blurred[..., 0].std()


def test_it_follows_window_zoom_and_frame(view: Watched, make_film: MakeFilm) -> None:
    view.set_image(make_film(600, 800, frames=2))
    view.set_spotlight(Spotlight(RADIUS, BLUR))
    seen = [pixels(view)]
    for change in (
        view.invert,
        lambda: view.set_window(Window(900.0, 500.0)),
        view.actual_size,
        lambda: view.pan(30.0, 0.0),
        lambda: view.flip(across=True),
    ):
        change()
        seen.append(pixels(view))
    assert all(not np.array_equal(one, other) for one, other in itertools.pairwise(seen))


def test_the_log_does_not_notice(view: Watched, make_film: MakeFilm, qtbot: QtBot) -> None:
    view.set_image(make_film())
    view.grab()
    logged: list[Viewport] = []
    view.painted.connect(logged.append)
    view.set_spotlight(Spotlight(RADIUS, BLUR))
    for step in range(10):
        point(view, 100.0 + 10 * step, 100.0)
        view.repaint()
    assert logged == []


def test_a_spot_without_a_size_is_a_defect() -> None:
    with pytest.raises(ValueError):
        Spotlight(0.0, BLUR)
