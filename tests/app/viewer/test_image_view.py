from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from egma_app.viewer.image_view import ImageView
from egma_core.dicom.display import render
from egma_core.dicom.image import DicomImage, LookupTable, Window
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect

MakeFilm = Callable[..., DicomImage]
LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton


@pytest.fixture
def view(qtbot: QtBot) -> ImageView:
    made = ImageView()
    qtbot.addWidget(made)
    made.resize(400, 300)
    made.show()
    qtbot.waitExposed(made)
    made.setFocus()
    return made


def pixels(view: QWidget) -> NDArray[np.uint8]:
    image = view.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
    data = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return data[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).copy()


def film_pixels(view: ImageView) -> NDArray[np.uint8]:
    """What is painted where the film lies."""
    assert view.image is not None
    on_screen = view.image_to_screen.map_rect(Rect(0, 0, view.image.columns, view.image.rows))
    left, top = round(on_screen.left - view.region.left), round(on_screen.top - view.region.top)
    return pixels(view)[top : top + round(on_screen.height), left : left + round(on_screen.width)]


def drag(view: ImageView, button: Qt.MouseButton, start: QPoint, end: QPoint, keys: Qt.KeyboardModifier) -> None:
    QTest.mousePress(view, button, keys, start)
    for share in (0.5, 1.0):
        where = start + (end - start) * share
        event_at = QPointF(where)
        move = QMouseEvent(QMouseEvent.Type.MouseMove, event_at, view.mapToGlobal(event_at), Qt.MouseButton.NoButton, button, keys)
        QApplication.sendEvent(view, move)
    QTest.mouseRelease(view, button, keys, end)


NONE, SHIFT, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="automatic"),
        pytest.param({"windows": (Window(1500.0, 1200.0),)}, id="window"),
        pytest.param({"windows": (Window(1500.0, 1200.0, "SIGMOID"),), "inverted": True}, id="monochrome1-sigmoid"),
        pytest.param({"voi_luts": (LookupTable(0, np.linspace(0, 255, 4096) ** 2),)}, id="lut"),
        pytest.param({"slope": 2.0, "intercept": -1000.0, "padding": (4000, 4000)}, id="rescaled-padded"),
        pytest.param({"colour": True}, id="colour"),
    ],
)
@pytest.mark.parametrize("inverted", [False, True])
def test_one_to_one_shows_every_pixel_untouched(view: ImageView, make_film: MakeFilm, qtbot: QtBot, fields: dict, inverted: bool) -> None:
    film = make_film(121, 93, **fields)
    view.set_image(film)
    qtbot.keyClick(view, Qt.Key.Key_1)
    if inverted:
        qtbot.keyClick(view, Qt.Key.Key_I)
    expected = render(film, invert=inverted)
    seen = film_pixels(view)
    assert np.array_equal(seen if film.is_colour else seen[..., 0], expected)
    assert pixels(view)[2, 2].tolist() == [0, 0, 0]


def test_turns_and_flips_show_what_they_say(view: ImageView, make_film: MakeFilm, qtbot: QtBot) -> None:
    film = make_film()
    view.set_image(film)
    expected = render(film)
    qtbot.keyClick(view, Qt.Key.Key_1)
    qtbot.keyClick(view, Qt.Key.Key_R)
    expected = np.rot90(expected, -1)
    assert np.array_equal(film_pixels(view)[..., 0], expected)
    qtbot.keyClick(view, Qt.Key.Key_H)
    expected = expected[:, ::-1]
    assert np.array_equal(film_pixels(view)[..., 0], expected)
    qtbot.keyClick(view, Qt.Key.Key_V)
    expected = expected[::-1]
    assert np.array_equal(film_pixels(view)[..., 0], expected)
    qtbot.keyClick(view, Qt.Key.Key_R, SHIFT)
    assert np.array_equal(film_pixels(view)[..., 0], np.rot90(expected))


def test_fit_shows_the_whole_film_and_follows_the_view(view: ImageView, make_film: MakeFilm) -> None:
    view.set_image(make_film(600, 450))
    assert view.placement.zoom == pytest.approx(0.5)
    view.resize(200, 150)
    assert view.placement.zoom == pytest.approx(0.25)
    view.zoom_by(2.0)
    view.resize(400, 300)
    assert view.placement.zoom == pytest.approx(0.5)


def test_pixels_that_are_not_square_are_shown_in_proportion(view: ImageView, make_film: MakeFilm) -> None:
    view.set_image(make_film(100, 200, pixel_aspect=2.0))
    shown = view.image_to_screen.map_rect(Rect(0, 0, 200, 100))
    assert shown.width == pytest.approx(shown.height)


def test_left_drag_is_window_scaled_to_the_film(view: ImageView, make_film: MakeFilm) -> None:
    view.set_image(make_film(windows=(Window(1500.0, 1000.0),)))
    assert view.film is not None
    step = view.film.value_range / 1024
    drag(view, LEFT, QPoint(100, 100), QPoint(180, 140), NONE)
    assert view.film.window is not None
    assert view.film.window.width == pytest.approx(1000 + 80 * step)
    assert view.film.window.center == pytest.approx(1500 + 40 * step)
    before = view.film.window
    drag(view, LEFT, QPoint(100, 100), QPoint(180, 100), SHIFT)
    assert view.film.window.width == pytest.approx(before.width + 20 * step)
    drag(view, LEFT, QPoint(100, 100), QPoint(20, 100), CTRL)
    assert view.film.window.width == pytest.approx(max(before.width - 300 * step, 1.0))
    view.actions_by_id["view.window"].trigger()
    assert view.film.window is None


def test_middle_drag_moves_and_right_drag_zooms(view: ImageView, make_film: MakeFilm) -> None:
    view.set_image(make_film(600, 450))
    point = view.to_image(QPointF(200, 150))
    drag(view, MIDDLE, QPoint(200, 150), QPoint(230, 160), NONE)
    assert np.allclose(view.to_image(QPointF(230, 160)), point, atol=0.01)
    zoom, anchor = view.placement.zoom, view.to_image(QPointF(80, 200))
    drag(view, RIGHT, QPoint(80, 200), QPoint(80, 80), NONE)
    assert view.placement.zoom == pytest.approx(2 * zoom)
    assert np.allclose(view.to_image(QPointF(80, 200)), anchor, atol=0.01)


def test_wheel_zooms_about_the_pointer(view: ImageView, make_film: MakeFilm) -> None:
    view.set_image(make_film(600, 450))
    where = QPointF(90.0, 70.0)
    zoom, anchor = view.placement.zoom, view.to_image(where)
    for _ in range(4):
        wheel = QWheelEvent(
            where, view.mapToGlobal(where), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton, NONE, Qt.ScrollPhase.NoScrollPhase, False
        )
        QApplication.sendEvent(view, wheel)
    assert view.placement.zoom == pytest.approx(2 * zoom)
    assert np.allclose(view.to_image(where), anchor, atol=0.01)


def test_frames_by_key(view: ImageView, make_film: MakeFilm, qtbot: QtBot) -> None:
    film = make_film(frames=2)
    view.set_image(film)
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert view.film is not None and view.film.frame == 1
    view.actual_size()
    assert np.array_equal(film_pixels(view)[..., 0], render(film, 1))
    assert "frame 2 of 2" in view.description()


def test_overlay_lies_where_its_extent_says(view: ImageView, make_film: MakeFilm) -> None:
    view.set_image(make_film(100, 100, pixels=np.zeros((1, 100, 100), np.uint16), windows=(Window(2000.0, 4000.0),)))
    view.actual_size()
    red = np.zeros((4, 8, 4), np.uint8)
    red[..., 0], red[..., 3] = 255, 255
    view.set_overlay("map", red, extent=Rect(20, 40, 60, 60), opacity=0.5)
    seen = film_pixels(view)
    assert 126 <= seen[50, 40, 0] <= 129 and seen[50, 40, 1] == 0
    assert seen[38, 40, 0] == 0 and seen[62, 40, 0] == 0 and seen[50, 18, 0] == 0
    view.rotate()
    assert film_pixels(view)[40, 50, 0] >= 126 and film_pixels(view)[50, 20, 0] == 0
    view.set_opacity("map", 0.0)
    assert film_pixels(view).max() == 0
    view.set_opacity("map", 1.0)
    view.set_overlay("map", None)
    assert film_pixels(view).max() == 0


def test_log_tells_every_change_once_as_painted(view: ImageView, make_film: MakeFilm, qtbot: QtBot) -> None:
    log: list[Viewport] = []
    view.painted.connect(log.append)
    film = make_film(windows=(Window(1500.0, 1200.0),))
    view.set_image(film)
    qtbot.waitUntil(lambda: bool(log) and log[-1].instance_uid == film.instance_uid)
    first = log[-1]
    assert (first.window_center, first.window_width, first.frame, first.inverted) == (1500.0, 1200.0, 1, False)
    assert first.image_to_screen == view.image_to_screen and first.region == view.region
    n = len(log)
    view.repaint()
    view.repaint()
    assert len(log) == n, "a frame like the one before is not logged again"
    view.rotate()
    qtbot.waitUntil(lambda: len(log) == n + 1)
    assert log[-1].image_to_screen == view.image_to_screen != first.image_to_screen
    assert log[-1].host_ns > first.host_ns
    view.announce()
    qtbot.waitUntil(lambda: len(log) == n + 2)


def test_log_holds_no_film_while_none_can_be_seen(view: ImageView, make_film: MakeFilm, qtbot: QtBot) -> None:
    log: list[Viewport] = []
    view.painted.connect(log.append)
    film = make_film(voi_luts=(LookupTable(0, np.linspace(0, 255, 4096)),))
    view.set_image(film)
    qtbot.waitUntil(lambda: bool(log) and log[-1].instance_uid == film.instance_uid)
    assert log[-1].window_center is None, "a table has no centre"

    def expect(uid: str) -> None:
        qtbot.waitUntil(lambda: log[-1].instance_uid == uid)

    view.set_curtain(True, "Hidden until the reading starts")
    expect("")
    view.set_curtain(False)
    expect(film.instance_uid)
    view.set_covered(True)
    assert log[-1].instance_uid == ""
    view.set_covered(False)
    expect(film.instance_uid)
    dialog = QDialog(view)
    dialog.open()
    expect("")
    dialog.reject()
    expect(film.instance_uid)
    view.hide()
    assert log[-1].instance_uid == ""
    view.show()
    expect(film.instance_uid)
    view.showMinimized()
    expect("")
    view.showNormal()
    expect(film.instance_uid)
    view.set_image(None)
    expect("")


def test_log_follows_the_window(view: ImageView, make_film: MakeFilm, qtbot: QtBot) -> None:
    view.set_image(make_film())
    log: list[Viewport] = []
    view.painted.connect(log.append)
    before = view.region
    view.move(view.x() + 30, view.y() + 20)
    qtbot.waitUntil(lambda: bool(log) and log[-1].region.left == before.left + 30)
    assert log[-1].image_to_screen == view.image_to_screen


def test_pointer_is_told_as_fractions_of_the_display(view: ImageView, qtbot: QtBot) -> None:
    seen: list[tuple[int, float, float]] = []
    view.pointer_moved.connect(seen.append)
    area = view.screen().geometry()
    for x in range(20, 80, 3):
        qtbot.mouseMove(view, QPoint(x, 40))
    assert len(seen) >= 20
    place = view.mapToGlobal(QPointF(77, 40)) - QPointF(area.topLeft())
    assert seen[-1][1:] == (place.x() / area.width(), place.y() / area.height())
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(seen))


RATIO_CHECK = """
import sys
import numpy as np
from pathlib import Path
from PySide6.QtCore import QPointF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget
from egma_app.viewer.image_view import ImageView
from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image

app = QApplication([])
ratio = float(sys.argv[1])
outer = QWidget()
view = ImageView(parent=outer)
view.setGeometry(13, 7, 450, 450)
outer.resize(500, 500)
film = read_image(Path(sys.argv[2]))
view.set_image(film)
view.actual_size()
log = []
view.painted.connect(log.append)
outer.show()
app.processEvents()
outer.repaint()
assert view.devicePixelRatioF() == ratio, view.devicePixelRatioF()
random = np.random.default_rng(5)
for _ in range(200):
    view.rotate(int(random.integers(0, 4)))
    if random.random() < 0.5:
        view.flip(across=bool(random.random() < 0.5))
    view.zoom_by(random.uniform(0.4, 2.5), QPointF(*random.uniform(0, 450, 2)))
    view.pan(*random.uniform(-60, 60, 2))
    point = random.uniform(0, 500, 2)
    assert np.allclose(view.to_image(view.from_image(*point)), point, atol=0.01)
view.reset()
view.actual_size()
outer.repaint()
shot = outer.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
seen = np.frombuffer(shot.constBits(), np.uint8).reshape(shot.height(), shot.bytesPerLine())[:, :shot.width()]
expected = render(film)
t = log[-1].image_to_screen
origin = view.screen().geometry().topLeft()
window = outer.mapToGlobal(QPointF(0, 0)) - QPointF(origin)
for row, column in random.integers(150, 350, (200, 2)):
    x, y = t.apply((column + 0.5, row + 0.5))
    pixel = seen[int(y - round(window.y() * ratio)), int(x - round(window.x() * ratio))]
    assert pixel == expected[row, column], (row, column, pixel, expected[row, column])
print("ok")
"""


@pytest.mark.needs_data
@pytest.mark.parametrize("ratio", ["1", "1.25", "1.5", "2"])
def test_every_pixel_is_where_the_log_says_at_any_pixel_ratio(shared_data: Path, ratio: str) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": ratio}
    film = shared_data / "dicom" / "derived" / "d01_mono1_12bit.dcm"
    run = subprocess.run(
        [sys.executable, "-c", RATIO_CHECK, ratio, str(film)], env=environment, capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == "ok", run.stderr
