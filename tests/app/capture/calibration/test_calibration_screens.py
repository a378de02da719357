"""The screens of a set-up, in a person's hands: a simulated subject is calibrated, judged, checked for drift and put right."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from egma_app.capture.calibration.attempt import OTHERS
from egma_app.capture.calibration.drift import DriftCheck
from egma_app.capture.calibration.flow import CalibrationFlow
from egma_app.capture.calibration.guide import EyeBox
from egma_app.capture.calibration.picture import LookPicture
from egma_app.capture.calibration.stage import Pace, TargetStage
from egma_app.capture.sitting import Setup
from egma_app.settings import Settings
from egma_core.errors import TrackerError
from egma_core.geometry import Screen

AT_ONCE = Pace(0, 0)
Make = Callable[..., Any]


class Sitting:
    """A flow or a drift check over a miniature recording, and what it has said."""

    def __init__(self, qtbot: QtBot, screen: CalibrationFlow | DriftCheck, recording: Any) -> None:
        self.qtbot = qtbot
        self.screen = screen
        self.recording = recording
        self.finished: list[bool] = []
        screen.finished.connect(self.finished.append)
        screen.open()

    def press(self, key: Qt.Key) -> None:
        QTest.keyClick(self.screen, key)

    def until(self, condition: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(condition, timeout=10_000)


class Flow(Sitting):
    screen: CalibrationFlow

    @property
    def state(self) -> str:
        return self.screen.procedure.state

    def until_state(self, state: str) -> None:
        self.until(lambda: self.state == state)

    def to_report(self) -> None:
        self.press(Qt.Key.Key_Space)
        self.until_state("report")

    def again(self, key: Qt.Key) -> None:
        """Press a key of the report and wait for the next one."""
        self.press(key)
        assert self.state != "report"
        self.until_state("report")


@pytest.fixture
def flow(qtbot: QtBot, recording: Make, setup: Setup, window: QWidget) -> Iterator[Make]:
    made: list[Flow] = []

    def make(
        *, pace: Pace | None = AT_ONCE, settings: Settings | None = None, at: Setup = setup, n_points: int | None = None, **choices: Any
    ) -> Flow:
        miniature = recording(**choices)
        opened = CalibrationFlow(miniature, at, settings or Settings(), window, n_points=n_points, pace=pace)
        made.append(Flow(qtbot, opened, miniature))
        return made[-1]

    yield make
    for one in made:
        if not one.finished:
            one.screen.close()


@pytest.fixture
def drift(qtbot: QtBot, recording: Make, setup: Setup, window: QWidget) -> Iterator[Make]:
    made: list[Sitting] = []

    def make(miniature: Any = None, **choices: Any) -> Sitting:
        served = miniature or recording(**choices)
        made.append(Sitting(qtbot, DriftCheck(served, setup, window, pace=AT_ONCE), served))
        made[-1].until(lambda: bool(made[-1].screen.words.text()) and made[-1].screen.words.isVisible())
        return made[-1]

    yield make
    for one in made:
        if not one.finished:
            one.screen.close()


def texts(widget: QWidget) -> str:
    return " ".join(button.text() for button in widget.findChildren(QPushButton) if button.isVisible())


class TestFlow:
    def test_a_simulated_subject_is_calibrated_and_it_is_kept(self, flow: Make) -> None:
        it = flow()
        it.until(lambda: it.screen.box.good)
        assert it.screen.isFullScreen() and it.screen.box.words == "You sit well." and it.screen.box.seen_mm == pytest.approx(650, abs=10)
        it.to_report()
        report = it.screen.report
        assert report.verdict.text().startswith("Good: 0.") and report.measures.text("left", "loss") == "0%"
        assert [row.name for row in report.targets.shown()] == ["All targets", "Left", "Bottom", "Right", "Top"]
        (validation,) = it.recording.attempts("validation")
        assert report.measures.text("average", "bcea_deg2") == f"{validation.figures['average']['bcea_deg2']:.2f}°²"
        it.press(Qt.Key.Key_Space)
        it.until(lambda: it.finished == [True])
        assert not it.recording.calibrating.busy
        (calibration,) = it.recording.attempts("calibration")
        assert {"do": "use", "calibration_id": calibration.id, "validation_id": validation.id} == it.recording.sent[-1]
        assert calibration.points != validation.points and len(calibration.points) == 5

    def test_one_target_again_then_everything_then_the_better_one(self, flow: Make) -> None:
        it = flow()
        it.to_report()
        report = it.screen.report
        assert not report.attempts.isVisible() and report.redo.text().startswith("Look again at all targets")
        report.choose_target(2)
        assert (
            report.redo.text().startswith("Look again at this target")
            and "Right" in report.measures.findChildren(type(report.verdict))[0].text()
        )
        it.again(Qt.Key.Key_R)
        assert len(it.recording.attempts("validation")) == 2 and len(it.screen.procedure.attempts.all) == 1
        last = it.recording.attempts("validation")[-1]
        assert last.points == OTHERS, "the other looks are still there"
        it.again(Qt.Key.Key_R)
        assert len(it.recording.attempts("validation")) == 3, "without a target chosen, all are looked at again"
        it.recording.tracker._errors._offset_deg = it.recording.tracker._errors._offset_deg + 0.8  # the reader has moved
        it.again(Qt.Key.Key_R)
        assert not report.verdict.text().startswith("Good")
        it.again(Qt.Key.Key_C)
        assert report.attempts.isVisible() and [a.number for a in report.attempts.shown()] == [1, 2]
        assert report.attempt is it.screen.procedure.attempts.all[1] and report.verdict.text().startswith("Good")
        report.attempts.choose(lambda attempt: attempt.number == 1)
        assert not report.verdict.text().startswith("Good") and not report.redo.isEnabled()
        it.press(Qt.Key.Key_R)
        assert it.state == "report", "the tracker works with another one"
        it.press(Qt.Key.Key_Space)
        it.until(lambda: it.finished == [True])
        first, _ = it.recording.attempts("calibration")
        assert it.recording.sent[-1]["calibration_id"] == first.id, "what is shown is what is kept"

    @pytest.mark.parametrize("state", ["guide", "collecting", "looking", "report"])
    def test_escape_leaves_from_anywhere(self, flow: Make, state: str) -> None:
        it = flow()
        if state != "guide":
            it.press(Qt.Key.Key_Space)
            it.until_state(state)
        while not it.finished:
            it.press(Qt.Key.Key_Escape)
        assert it.finished == [False]
        it.until(lambda: not it.recording.calibrating.busy)

    def test_closing_the_window_leaves_the_calibration(self, flow: Make) -> None:
        it = flow()
        it.press(Qt.Key.Key_Space)
        it.until_state("collecting")
        it.screen.close()
        assert it.finished == [False]
        it.until(lambda: not it.recording.calibrating.busy)

    def test_a_person_may_set_the_pace(self, flow: Make) -> None:
        settings = Settings()
        settings.update(calibration_pace="space", calibration_points=9)
        it = flow(pace=None, settings=settings)
        assert it.screen.stage.pace.by_person
        it.screen.stage.pace = Pace(0, 0, by_person=True)
        it.press(Qt.Key.Key_Space)
        it.until_state("collecting")
        assert it.screen.procedure.n_left == 9 and "Space" in it.screen.stage.hint
        it.qtbot.wait(60)
        assert it.screen.procedure.n_left == 9, "it waits"
        it.press(Qt.Key.Key_Space)
        it.until(lambda: it.screen.procedure.n_left == 8)

    def test_a_study_protocol_may_ask_for_nine_points(self, flow: Make) -> None:
        it = flow(n_points=9)
        it.to_report()
        assert len(it.recording.attempts("calibration")[0].points) == 9

    def test_space_on_a_button_presses_that_button(self, flow: Make) -> None:
        it = flow()
        it.to_report()
        it.screen.report.calibrate.setFocus()
        QTest.keyClick(it.screen.report.calibrate, Qt.Key.Key_Space)
        assert it.finished == []
        it.until(lambda: it.state != "report")

    def test_the_keys_work_from_the_list_of_targets_too(self, flow: Make) -> None:
        it = flow()
        it.to_report()
        table = it.screen.report.targets
        table.setFocus()
        QTest.keyClick(table, Qt.Key.Key_Down)
        assert it.screen.report.target == 0, "arrows choose a target"
        QTest.keyClick(table, Qt.Key.Key_R)
        assert it.state == "looking" and it.screen.procedure.n_left == 1
        it.until_state("report")
        QTest.keyClick(table, Qt.Key.Key_Space)
        it.until(lambda: it.finished == [True])

    def test_a_tracker_calibrated_elsewhere_is_validated(self, flow: Make) -> None:
        it = flow(without=frozenset({"calibration", "position_guide", "calibration_data"}), offset_deg=0.0)
        assert "Validate" in texts(it.screen) and "does not tell" in it.screen.box.words
        it.to_report()
        assert not it.screen.report.calibrate.isVisible() and it.recording.attempts("calibration") == []
        it.press(Qt.Key.Key_C)
        assert it.state == "report"

    def test_trouble_is_said_and_can_be_tried_again(self, flow: Make) -> None:
        it = flow()
        it.press(Qt.Key.Key_Space)
        it.until_state("collecting")
        it.recording.complained.emit(TrackerError("The tracker has gone.", "Plug it in."))
        assert it.state == "trouble" and "The tracker has gone." in it.screen._words.text()
        it.press(Qt.Key.Key_R)
        it.until_state("report")

    def test_a_tracker_that_is_unplugged_is_said_at_once(self, flow: Make) -> None:
        it = flow()
        it.press(Qt.Key.Key_Space)
        it.until_state("collecting")
        it.recording.told.emit({"event": "tracker", "kind": "rate_changed", "text": "It runs at 60 Hz now."})
        assert it.state != "trouble"
        it.recording.told.emit({"event": "tracker", "kind": "connection_lost", "text": "The tracker is gone. Plug it in."})
        assert it.state == "trouble" and it.screen._words.text() == "The tracker is gone. Plug it in."

    def test_without_a_capture_process_there_is_only_the_way_back(self, flow: Make) -> None:
        it = flow()
        it.recording.lost.emit("Recording has stopped.", "")
        assert "Recording has stopped." in it.screen._words.text() and "Try again" not in texts(it.screen)
        it.press(Qt.Key.Key_R)
        assert it.state == "trouble"
        it.press(Qt.Key.Key_Escape)
        assert it.finished == [False]

    def test_another_monitor_is_refused(self, flow: Make, setup: Setup) -> None:
        other = Setup("Dr A", "simulated", Screen(3840, 2160, 600.0, 340.0, 650.0))
        it = flow(at=other)
        assert "3840 × 2160" in it.screen._words.text()
        assert it.recording.sent == [] and "Try again" not in texts(it.screen)

    def test_the_mouse_needs_none(self, flow: Make, setup: Setup) -> None:
        it = flow(at=Setup("Dr A", "mouse", setup.screen))
        assert "nothing to calibrate" in it.screen._words.text() and it.recording.sent == []


class TestDriftCheck:
    def test_a_small_drift_is_let_be(self, drift: Make) -> None:
        it = drift(offset_deg=0.0)
        assert "within what can be expected" in it.screen.advice.text() and "Leave it   Space" in texts(it.screen)
        assert "Undo" not in texts(it.screen)
        it.press(Qt.Key.Key_Space)
        assert it.finished == [False] and it.recording.sent[-1]["do"] == "judge"

    def test_a_drift_is_put_right_and_the_correction_undone(self, drift: Make) -> None:
        it = drift(offset_deg=0.0, noise_deg=0.05)
        it.recording.tracker._errors._offset_deg = np.array([0.6, 0.3, 0.6, 0.3])
        measured: list[float] = []
        it.screen.measured.connect(measured.append)
        it.press(Qt.Key.Key_R)
        it.until(lambda: len(measured) == 1)
        assert measured[0] == pytest.approx(math.hypot(0.6, 0.3), abs=0.2)
        assert "to the right" in it.screen.words.text() and "below" in it.screen.words.text()
        assert "Put it right   Space" in texts(it.screen)
        it.press(Qt.Key.Key_Space)
        it.until(lambda: it.finished == [True])
        sent = it.recording.sent[-1]
        assert sent["do"] == "correct" and sent["dx"] < 0 and "off" in sent["reason"]
        again = drift(it.recording)
        assert "Undo the correction" in texts(again.screen) and "within what" in again.screen.advice.text()
        again.press(Qt.Key.Key_U)
        again.until(lambda: again.finished == [True])
        assert (again.recording.sent[-1]["dx"], again.recording.sent[-1]["dy"]) == (0.0, 0.0)
        assert len(it.recording.attempts("drift_check")) == 3

    def test_a_large_drift_asks_for_a_calibration(self, drift: Make) -> None:
        it = drift(offset_deg=3.0)
        assert "calibrate again" in it.screen.advice.text() and "Calibrate   Space" in texts(it.screen)
        wanted: list[bool] = []
        it.screen.recalibrate.connect(lambda: wanted.append(True))
        it.press(Qt.Key.Key_C)
        assert wanted == [True] and it.finished == [False]

    def test_eyes_that_are_not_seen_are_said_and_nothing_is_offered(self, drift: Make) -> None:
        it = drift(losses_per_min=100_000.0)
        assert it.screen.words.text() == "Your eyes were not seen."
        assert "Put it right" not in texts(it.screen) and "Look again   Space" in texts(it.screen)

    def test_the_process_gone(self, drift: Make) -> None:
        it = drift()
        it.recording.lost.emit("Recording has stopped.", "")
        assert it.screen.words.text() == "Recording has stopped." and "Look again" not in texts(it.screen)
        it.press(Qt.Key.Key_Escape)
        assert it.finished == [False]


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ([0.4, 0.5, 0.5, 650.0], [0.6, 0.5, 0.5, 650.0], "You sit well."),
        (None, None, "does not see your eyes"),
        ([0.4, 0.5, 0.5, 650.0], None, "only the left eye"),
        ([0.4, 0.5, 0.5, 850.0], [0.6, 0.5, 0.5, 850.0], "a little closer"),
        ([0.4, 0.5, 0.5, 450.0], [0.6, 0.5, 0.5, 450.0], "a little back"),
        ([0.4, 0.5, 0.1, None], [0.6, 0.5, 0.1, None], "a little back"),
        ([0.4, 0.5, None, None], [0.6, 0.5, None, None], "You sit well."),
        ([0.1, 0.5, 0.5, 650.0], [0.2, 0.5, 0.5, 650.0], "to the right"),
        ([0.8, 0.5, 0.5, 650.0], [0.9, 0.5, 0.5, 650.0], "to the left"),
        ([0.4, 0.9, 0.5, 650.0], [0.6, 0.9, 0.5, 650.0], "higher"),
        ([0.4, 0.1, 0.5, 650.0], [0.6, 0.1, 0.5, 650.0], "lower"),
    ],
)
def test_the_guide_says_how_to_sit(qtbot: QtBot, left: list[float] | None, right: list[float] | None, words: str) -> None:
    box = EyeBox(650.0, guided=True)
    qtbot.addWidget(box)
    assert "Waiting" in box.words and not box.good
    box.show_position({"event": "position", "left": left, "right": right})
    assert words in box.words and box.good == (words == "You sit well.")
    box.grab()


def test_a_click_on_a_target_of_the_picture_chooses_it(qtbot: QtBot) -> None:
    picture = LookPicture(Screen(1920, 1080, 531.0, 299.0, 650.0))
    qtbot.addWidget(picture)
    picture.resize(640, 400)
    chosen: list[int] = []
    picture.chosen.connect(chosen.append)
    looks = [{"point": list(point), "left": [[point[0] + 0.01, point[1]]], "right": [[None, None]]} for point in OTHERS]
    picture.show_looks(looks, None)
    for n, point in enumerate(OTHERS):
        qtbot.mouseClick(picture, Qt.MouseButton.LeftButton, pos=picture.place(point).toPoint() + QPoint(3, -2))
        assert chosen[-1] == n
    qtbot.mouseClick(picture, Qt.MouseButton.LeftButton, pos=QPoint(4, 4))
    assert len(chosen) == 4


def test_a_target_arrives_once_and_is_sent_back_to_its_place(qtbot: QtBot) -> None:
    stage = TargetStage(38.0, AT_ONCE)
    qtbot.addWidget(stage)
    arrivals: list[object] = []
    stage.arrived.connect(lambda: arrivals.append(stage.place))
    stage.go_to((0.1, 0.9))
    qtbot.waitUntil(lambda: len(arrivals) == 1)
    qtbot.wait(30)
    assert arrivals == [(0.1, 0.9)]
    stage.go_on()
    stage.go_to((0.1, 0.9))
    qtbot.waitUntil(lambda: len(arrivals) == 2)
    stage.clear()
    assert stage.place is None


PIXEL_CHECK = """
import sys
import numpy as np
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from egma_app.app import dress
from egma_app.capture.calibration.attempt import NINE, OTHERS
from egma_app.capture.calibration.card import CARD_MM, CardCheck
from egma_app.capture.calibration.stage import FullScreen, Pace, TargetStage
from egma_app.capture.monitor import native_size

app = QApplication([])
dress(app)
ratio = float(sys.argv[1])


def pixels(widget):
    shot = widget.grab().toImage().convertToFormat(QImage.Format.Format_Grayscale8)
    return np.frombuffer(shot.constBits(), np.uint8).reshape(shot.height(), shot.bytesPerLine())[:, : shot.width()].astype(float)


outer = FullScreen(None)
stage = TargetStage(38.0, Pace(0, 0), outer)
outer.fill_monitor()
stage.setGeometry(outer.rect())
app.processEvents()
assert stage.devicePixelRatioF() == ratio
native = native_size(outer.screen())
empty = pixels(stage)
stage.size_deg = 0.6


def check(x, y, offset_x=0.0, offset_y=0.0):
    stage.place = (x, y)
    bright = np.clip(pixels(stage) - empty, 0, None)
    rows, columns = np.nonzero(bright)
    weight = bright[rows, columns]
    # The middle of what is bright; pixel (0, 0) has its centre at (0.5, 0.5).
    middle = (np.average(columns, weights=weight) + 0.5, np.average(rows, weights=weight) + 0.5)
    meant = (x * native.width() - offset_x, y * native.height() - offset_y)
    assert np.allclose(middle, meant, atol=0.05), (ratio, (x, y), middle, meant)
    dot = bright[int(meant[1]) - 2 : int(meant[1]) + 3, int(meant[0]) - 2 : int(meant[0]) + 3]
    assert dot.max() > 100, "there is a dot in the middle"


for point in (*NINE, *OTHERS):
    check(*point)

# Where a panel of the desktop keeps the window from the monitor's corner, targets stay where they are on the monitor.
outer.showNormal()
outer.setGeometry(30, 18, 300, 240)
stage.setGeometry(outer.rect())
app.processEvents()
empty = pixels(stage)
check(0.3, 0.2, 30 * ratio, 18 * ratio)

check = CardCheck(outer.screen(), 531.0, 531.0 * native.height() / native.width())
check.show()
app.processEvents()
card = pixels(check.outline) > 150
rows, columns = np.nonzero(card)
mm = 531.0 / native.width()
assert abs((columns.max() - columns.min() + 1) * mm - CARD_MM[0]) < 2 * mm, columns
assert abs((rows.max() - rows.min() + 1) * mm - CARD_MM[1]) < 2 * mm, rows
print("ok")
"""


@pytest.mark.parametrize("ratio", ["1", "1.5", "2"])
def test_a_target_lands_on_its_native_pixel_at_any_scale(ratio: str) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": ratio}
    run = subprocess.run([sys.executable, "-c", PIXEL_CHECK, ratio], env=environment, capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "ok", run.stderr


class TestCardCheck:
    @pytest.fixture
    def check(self, qtbot: QtBot, window: QWidget) -> Any:
        from egma_app.capture.calibration.card import CardCheck

        return CardCheck(window.screen(), 531.0, 400.0, window)

    def test_a_person_fits_the_outline_and_confirms(self, check: Any, qtbot: QtBot) -> None:
        said: list[tuple[float, float]] = []
        check.confirmed.connect(lambda *sizes: said.append(sizes))
        check.show()
        assert (check.width_mm.value(), check.height_mm.value()) == (531.0, 400.0)
        before = check.outline.native_size()
        QTest.keyClick(check, Qt.Key.Key_Right)
        assert check.width_mm.value() == 530.0 and check.outline.native_size()[0] > before[0], "to the right is larger"
        assert check.height_mm.value() == pytest.approx(400 * 530 / 531, abs=0.06), "pixels keep their shape"
        QTest.keyClick(check, Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier)
        assert check.width_mm.value() == pytest.approx(530.1)
        check.slider.setValue(check.slider.value() + 10)
        assert check.width_mm.value() == pytest.approx(529.1)
        check.height_mm.setValue(297.0)
        assert check.width_mm.value() == pytest.approx(529.1)
        check.accept()
        assert said == [(pytest.approx(529.1), 297.0)]

    def test_without_sizes_it_begins_with_a_guess_that_must_be_confirmed(self, qtbot: QtBot, window: QWidget) -> None:
        from egma_app.capture.calibration.card import CardCheck

        check = CardCheck(window.screen(), 0.0, 0.0, window)
        said: list[object] = []
        check.confirmed.connect(lambda *sizes: said.append(sizes))
        width, height = check.width_mm.value(), check.height_mm.value()
        size = window.screen().size()
        assert width > 100 and height / width == pytest.approx(size.height() / size.width(), rel=0.01)
        check.reject()
        assert said == []


def test_the_real_capture_process_sets_a_reader_up(tmp_path: Path, qtbot: QtBot, setup: Setup, window: QWidget) -> None:
    """Through the window's own end of the process, in real time, with the shortest looks."""
    from egma_app.capture.recording import Recording
    from egma_app.viewer.image_view import ImageView
    from egma_core.store.store import Store

    path = tmp_path / "library.sqlite"
    Store.open(path, create=True).close()
    view = ImageView(parent=window)
    recording = Recording(view, window)
    recording.open(str(path), setup)
    try:
        qtbot.waitUntil(lambda: recording.session.state == "ready", timeout=20_000)
        check = DriftCheck(recording, setup, window, pace=AT_ONCE)
        finished: list[bool] = []
        check.finished.connect(finished.append)
        check.open()
        qtbot.waitUntil(lambda: check.words.isVisible(), timeout=20_000)
        assert "Gaze is" in check.words.text() and "off" in check.words.text()
        check.close()
        assert finished == [False]
    finally:
        recording.close()
    with Store.open(path, read_only=True) as store:
        (attempt,) = store.attempts(1)
        assert attempt.kind == "drift_check" and len(attempt.gaze[0]) > 40
