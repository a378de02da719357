from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from PySide6.QtCore import QAbstractItemModel, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QDialogButtonBox
from pytestqt.qtbot import QtBot

from egma_app.capture.dialogs import DiscardDialog
from egma_app.capture.monitor import native_size
from egma_app.capture.quality_bar import QualityBar
from egma_app.capture.sentence_line import SentenceLine
from egma_app.capture.session import CaptureSession
from egma_app.capture.setup import SetupForm
from egma_app.capture.sitting import Quality, SaidSentence, Setup, Station
from egma_app.capture.worklist import Worklist, WorklistModel, films_text, in_reading_order
from egma_app.settings import Settings
from egma_core.geometry import Screen
from egma_core.store.values import InstanceEntry, StudyEntry


def film(id: int, view: str, modality: str = "DX") -> InstanceEntry:
    return InstanceEntry(id, f"2.25.{id}", "2.25.9", modality, view, 10, 10, 1, Path("x.dcm"), "", "dicom")


def study(id: int, *views: str, status: str = "unread", patient: str = "", modality: str = "DX", n_readings: int = 0) -> StudyEntry:
    films = tuple(film(10 * id + n, view, modality) for n, view in enumerate(views))
    return StudyEntry(id, f"2.25.{id}", patient or f"P-{id}", modality, ("pneumothorax",), "", films, n_readings, status)  # pyright: ignore[reportArgumentType]


STUDIES = [
    study(1, "PA", status="read", n_readings=2),
    study(2, "LL", "PA"),
    study(3, "AP", status="read", n_readings=1, modality="CR"),
    study(4, "", ""),
]


class TestWorklist:
    @pytest.fixture
    def worklist(self, qtbot: QtBot) -> Worklist:
        made = Worklist()
        qtbot.addWidget(made)
        made.set_studies(STUDIES)
        return made

    def shown(self, worklist: Worklist) -> list[list[str]]:
        model: QAbstractItemModel = worklist.table.model()
        return [[model.index(row, column).data() for column in range(3)] for row in range(model.rowCount())]

    def test_model_is_sound(self, qtbot: QtBot) -> None:
        model = WorklistModel()
        tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Warning)
        model.set_studies(STUDIES)
        model.set_studies(STUDIES[1:])
        model.set_studies([])
        assert tester.model() is model

    def test_rows_say_what_there_is_and_not_what_to_see(self, worklist: Worklist) -> None:
        assert self.shown(worklist) == [
            ["P-1", "DX PA", "read 2×"],
            ["P-2", "DX PA, LL", "unread"],
            ["P-3", "CR AP", "read"],
            ["P-4", "DX ×2", "unread"],
        ]
        assert "pneumothorax" not in str(self.shown(worklist))

    def test_reading_goes_on_with_the_first_unread(self, worklist: Worklist) -> None:
        assert worklist.study == STUDIES[1]
        assert worklist.choose_next_unread() and worklist.study == STUDIES[3]
        assert worklist.choose_next_unread() and worklist.study == STUDIES[1], "it goes round"

    def test_search_finds_every_word(self, worklist: Worklist, qtbot: QtBot) -> None:
        qtbot.keyClicks(worklist.search, "ap READ")
        assert [row[0] for row in self.shown(worklist)] == ["P-3"]
        worklist.search.setText("pneumothorax")
        assert self.shown(worklist) == []
        assert not worklist.choose_next_unread()

    def test_a_refresh_keeps_the_choice_and_says_so_only_if_the_films_changed(self, worklist: Worklist) -> None:
        told: list[object] = []
        worklist.chosen.connect(told.append)
        worklist.set_studies([*STUDIES[:1], dataclasses.replace(STUDIES[1], status="read", n_readings=1), *STUDIES[2:]])
        assert told == [] and worklist.study is not None and worklist.study.status == "read"
        worklist.set_studies([study(9, "PA"), *STUDIES])
        assert told == [] and worklist.study == STUDIES[1]
        more = study(2, "LL", "PA", "AP")
        worklist.set_studies([STUDIES[0], more])
        assert told == [more]
        worklist.set_studies([])
        assert told == [more, None] and worklist.count == 0

    def test_frontal_films_come_first(self) -> None:
        films = [film(1, "LL"), film(2, ""), film(3, "ap"), film(4, "PA")]
        assert [f.id for f in in_reading_order(films)] == [4, 3, 2, 1]
        assert films_text(study(1, "", modality="")) == "film"


class TestSentenceLine:
    def test_first_and_last_key_are_onset_and_offset(self, qtbot: QtBot) -> None:
        now = iter(range(100, 200))
        line = SentenceLine(now_ns=lambda: next(now))
        qtbot.addWidget(line)
        said: list[SaidSentence] = []
        line.said.connect(said.append)
        qtbot.keyClicks(line, " No  air.")
        qtbot.keyClick(line, Qt.Key.Key_Return)
        assert said == [SaidSentence("No air.", 101, 108)] and line.text() == ""
        qtbot.keyClick(line, Qt.Key.Key_Return)
        qtbot.keyClicks(line, "  ")
        qtbot.keyClick(line, Qt.Key.Key_Return)
        assert len(said) == 1, "nothing is no sentence"

    def test_starting_over_starts_the_clock_over(self, qtbot: QtBot) -> None:
        now = iter(range(100, 200))
        line = SentenceLine(now_ns=lambda: next(now))
        qtbot.addWidget(line)
        said: list[SaidSentence] = []
        line.said.connect(said.append)
        qtbot.keyClicks(line, "x")
        qtbot.keyClick(line, Qt.Key.Key_Backspace)
        qtbot.keyClicks(line, "y")
        line.keep()
        assert said == [SaidSentence("y", 102, 102)]


class TestSetupForm:
    @pytest.fixture
    def form(self, qtbot: QtBot) -> SetupForm:
        made = SetupForm(Settings())
        qtbot.addWidget(made)
        made.set_monitor(QApplication.primaryScreen())
        return made

    def fill(self, form: SetupForm, qtbot: QtBot) -> None:
        qtbot.keyClicks(form.reader, "Ada")
        for box, text in ((form.width_mm, "340"), (form.height_mm, "340"), (form.distance_mm, "600")):
            box.selectAll()
            qtbot.keyClicks(box, text)
            qtbot.keyClick(box, Qt.Key.Key_Tab)

    def test_no_size_is_taken_silently(self, form: SetupForm) -> None:
        assert form.width_mm.value() == form.height_mm.value() == form.distance_mm.value() == 0
        assert form.width_mm.text() == "not typed yet"
        assert not form.confirmed.isEnabled() and not form.open_button.isEnabled() and form.setup() is None

    def test_typed_and_confirmed_opens(self, form: SetupForm, qtbot: QtBot) -> None:
        self.fill(form, qtbot)
        assert form.setup() is None and not form.open_button.isEnabled(), "typed is not confirmed"
        form.confirmed.click()
        pixels = native_size(QApplication.primaryScreen())
        expected = Setup("Ada", "simulated", Screen(pixels.width(), pixels.height(), 340.0, 340.0, 600.0))
        with qtbot.waitSignal(form.accepted) as accepted:
            form.open_button.click()
        assert accepted.args == [expected]

    def test_a_changed_size_must_be_confirmed_again(self, form: SetupForm, qtbot: QtBot) -> None:
        self.fill(form, qtbot)
        form.confirmed.click()
        form.distance_mm.setValue(650)
        assert not form.confirmed.isChecked() and form.setup() is None

    def test_sizes_are_offered_again_on_the_same_monitor_only(self, form: SetupForm, qtbot: QtBot) -> None:
        self.fill(form, qtbot)
        form.confirmed.click()
        form.open_button.click()
        again = SetupForm(Settings())
        qtbot.addWidget(again)
        again.set_monitor(QApplication.primaryScreen())
        assert (again.reader.text(), again.width_mm.value()) == ("Ada", 340.0)
        assert not again.confirmed.isChecked() and again.setup() is None, "every session confirms"
        Settings().update(screen="another 100 × 100")
        other = SetupForm(Settings())
        qtbot.addWidget(other)
        other.set_monitor(QApplication.primaryScreen())
        assert other.width_mm.value() == 0

    def test_what_is_missing_is_said(self, form: SetupForm, qtbot: QtBot) -> None:
        assert form.missing.text() == "Type who reads."
        qtbot.keyClicks(form.reader, "Ada")
        assert "monitor's size" in form.missing.text()
        self.fill(form, qtbot)
        assert form.missing.text() == "Confirm the sizes."
        form.confirmed.click()
        assert form.missing.text() == "" and form.open_button.isEnabled()

    def test_the_tracker_s_display_area_is_offered_and_compared(self, form: SetupForm, qtbot: QtBot) -> None:
        form.distance_mm.setValue(600.0)
        form.sizes.take_display(
            340.0, 340.0 * native_size(QApplication.primaryScreen()).height() / native_size(QApplication.primaryScreen()).width()
        )
        assert form.width_mm.value() == 340.0 and "display area says the same" in form.check.text()
        assert not form.confirmed.isChecked(), "a person still confirms"
        form.width_mm.setValue(355.0)
        form.height_mm.setValue(form.height_mm.value() * 355 / 340)
        assert "set up for 340" in form.check.text()

    def test_only_what_the_tracker_needs_is_asked(self, form: SetupForm) -> None:
        form.show()
        choice = form.choice
        form.tracker.setCurrentIndex(form.tracker.findData("mouse"))
        assert choice.spotlight.isVisible() and not choice.rate.isVisible() and not choice.which.isVisible()
        form.tracker.setCurrentIndex(form.tracker.findData("replay"))
        choice.reading.setValue(12)
        assert choice.reading.isVisible() and choice.replayed_id == 12 and choice.rate_hz is None
        form.tracker.setCurrentIndex(form.tracker.findData("simulated"))
        choice.rate.setCurrentIndex(choice.rate.findData(1200.0))
        assert choice.rate_hz == 1200.0 and choice.replayed_id is None

    def test_no_microphone_is_opened_before_somebody_is_there(self, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
        settings = Settings()
        settings.update(microphone="Headset")
        form = SetupForm(settings)
        qtbot.addWidget(form)
        heard: list[str] = []
        monkeypatch.setattr(form.search, "listen", lambda microphone, _options: heard.append(microphone))
        monkeypatch.setattr(form.search, "look", lambda: None)
        form.set_monitor(QApplication.primaryScreen())
        form.show()
        assert heard == [] and form.voice.microphone_name == "Headset"
        self.fill(form, qtbot)
        form.confirmed.click()
        assert heard == ["Headset"]

    def test_a_protocol_that_cannot_be_kept_to_opens_nothing(self, form: SetupForm, qtbot: QtBot, tmp_path: Path) -> None:
        self.fill(form, qtbot)
        form.confirmed.click()
        path = tmp_path / "pilot.toml"
        path.write_text('name = "Pilot"\n[keys]\n"capture.nothing" = "F5"\n', encoding="utf-8")
        form.protocol.load(str(path))
        assert form.setup() is None and "capture.nothing" in form.missing.text()
        path.write_text('name = "Pilot"\ncases = ["P-1"]\ndictation = "typed"\n', encoding="utf-8")
        form.protocol.load(str(path))
        setup = form.setup()
        assert setup is not None and setup.protocol_name == "Pilot" and "P-1" in setup.protocol_toml
        assert "1 case" in form.protocol.about.text()

    def test_pixels_that_would_not_be_square_are_pointed_out(self, form: SetupForm, qtbot: QtBot) -> None:
        self.fill(form, qtbot)
        square = native_size(QApplication.primaryScreen())
        form.width_mm.setValue(340.0)
        form.height_mm.setValue(340.0 * square.height() / square.width())
        assert "One degree is" in form.check.text() and "not square" not in form.check.text()
        form.height_mm.setValue(form.height_mm.value() * 1.2)
        assert "not square" in form.check.text()


class TestQualityBar:
    def test_it_says_how_the_recording_stands(self, qtbot: QtBot) -> None:
        session = CaptureSession(lambda _: None)
        now = [0]
        bar = QualityBar(session, now_ns=lambda: now[0])
        qtbot.addWidget(bar)
        assert bar.text == "Not recording"
        session.state, session.reading_id, session.started_ns = "reading", 1, 1_000_000_000
        now[0] = 2_000_000_000
        bar.refresh()
        assert bar.text == "●  Recording  00:01  Safe waiting for the first samples"
        session.quality = Quality(75_000_000_000, 75_200_000_000, 9000, 119.8, 0.012)
        now[0] = 76_000_000_000
        bar.refresh()
        assert bar.text == "●  Recording  01:15  Gaze 120 per second, 1% lost  Safe up to 01:14"
        now[0] = 79_200_000_000
        bar.refresh()
        assert "silent for 4 s" in bar.text
        session.setup = Setup("Ada", "simulated", Screen(1, 1, 1.0, 1.0, 1.0))
        session.quality = Quality(79_000_000_000, 79_100_000_000, 9000, 119.8, 0.31)
        bar.refresh()
        assert "31% lost – check how the reader sits" in bar.text

    def test_it_says_only_what_is_known(self, qtbot: QtBot) -> None:
        session = CaptureSession(lambda _: None)
        session.setup = Setup("Ada", "simulated", Screen(1, 1, 1.0, 1.0, 1.0))
        session.state, session.reading_id = "reading", 1
        session.station = Station(1, microphone="Headset")
        bar = QualityBar(session, now_ns=lambda: 1_000_000_000)
        qtbot.addWidget(bar)
        session.quality = Quality(0, 10**9, 1, 1200.0, 0.0, 612.0, -23.4, 412 * 10**9)
        bar.refresh()
        assert "Distance 61 cm  Voice -23 dB  Disk 412 GB free" in bar.text
        session.quality = Quality(0, 10**9, 1, 1200.0, 0.0, 930.0, None, 800_000_000, journal_ok=False)
        bar.refresh()
        assert "93 cm – come closer" in bar.text and "nothing is heard" in bar.text and "0.8 GB free" in bar.text
        assert "without its second copy" in bar.text
        session.setup = Setup("Ada", "mouse", Screen(1, 1, 1.0, 1.0, 1.0))
        session.quality = Quality(0, 10**9, 1, 100.0, 0.5)
        bar.refresh()
        assert "check" not in bar.text, "a mouse that is away is no loss"


class TestDiscardDialog:
    def test_a_reason_is_asked_for(self, qtbot: QtBot) -> None:
        dialog = DiscardDialog()
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        qtbot.addWidget(dialog)
        reasons: list[str] = []
        dialog.decided.connect(reasons.append)
        discard, go_on = dialog.findChild(QDialogButtonBox).buttons()
        assert (discard.text(), go_on.text()) == ("Discard", "Go on reading")
        assert not discard.isEnabled()
        dialog.accept()
        qtbot.keyClicks(dialog.reason, " wrong study ")
        discard.click()
        assert reasons == ["wrong study"]
