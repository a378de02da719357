"""Drivers by name: ours, those that other packages offer, and looking and opening beside the caller."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from egma_core.errors import MissingExtraError, TrackerError
from egma_core.geometry import Screen
from egma_core.trackers import drivers
from egma_core.trackers.driver import Driver, FoundTracker, TrackerRequest
from egma_core.trackers.drivers import BUILT_IN, Opening, Search, driver, driver_names, open_tracker
from egma_core.trackers.fed import FedTracker
from egma_core.trackers.tracker import Tracker

HERE = Path(__file__).parent
SCREEN = Screen(1920, 1080, 531.0, 299.0, 650.0)
REQUEST = TrackerRequest(time.perf_counter_ns, SCREEN)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Install a package of somebody else's that offers drivers."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(HERE)

    def install(name: str, points: str) -> None:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        (folder / "entry_points.txt").write_text(f"[egma.trackers]\n{points}\n", encoding="utf-8")

    return install


def test_the_names_of_ours() -> None:
    assert driver_names() == ("tobii", "gazepoint", "lsl", "mouse", "replay", "simulated")
    for name in BUILT_IN:
        assert driver(name).title


def test_an_unknown_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(TrackerError, match=r"no tracker called 'tobii-9'\. Choose one of: tobii, gazepoint, lsl, mouse, replay, simulated"):
        open_tracker("tobii-9", REQUEST)


def test_a_driver_of_somebody_else_is_opened_by_name(package: Callable[[str, str], None]) -> None:
    package("acme-eyes", "circle = example_driver:DRIVER\nsimulated = example_driver:DRIVER")
    assert driver_names()[-1] == "circle"
    now_ns = 0
    tracker = open_tracker("circle", TrackerRequest(lambda: now_ns, SCREEN))
    tracker.start()
    now_ns = 10**9
    assert len(tracker.drain()) == 51
    assert (tracker.events(), tracker.position(), tracker.calibration) == ((), None, None), "what it does not define is taken over"
    assert driver("simulated") is BUILT_IN["simulated"], "ours cannot be replaced"
    sys.modules.pop("example_driver", None)


def test_the_example_has_forty_lines() -> None:
    assert len((HERE / "example_driver.py").read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ("broken = no_such_module:DRIVER", r"driver 'broken' of the package 'acme' cannot be loaded \(ModuleNotFoundError\)"),
        ("broken = example_driver:NOTHING", r"cannot be loaded \(AttributeError\)"),
        ("broken = example_driver:CircleTracker", r"driver 'broken' of the package 'acme' is no driver"),
    ],
)
def test_a_broken_package_is_named_and_breaks_nothing_else(package: Callable[[str, str], None], points: str, words: str) -> None:
    package("acme", points)
    assert "broken" in driver_names()
    with pytest.raises(TrackerError, match=words):
        driver("broken")
    search = Search(["broken", "simulated"])
    assert search.wait(5.0)
    assert set(search.troubles) == {"broken"}
    assert open_tracker("simulated", REQUEST).description.name == "simulated"
    sys.modules.pop("example_driver", None)


class SlowDriver:
    """Takes as long as the test wants to find and to open."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.fail = False
        self.opened: list[SlowTracker] = []

    def open(self, request: TrackerRequest) -> Tracker:
        assert self.go.wait(5.0)
        if self.fail:
            raise TrackerError("It is not there.", "Plug it in.")
        self.opened.append(SlowTracker(request.now_ns))
        return self.opened[-1]

    def find(self) -> tuple[FoundTracker, ...]:
        assert self.go.wait(5.0)
        return (FoundTracker("slow", "Slow", "1", "here"),)


class SlowTracker(FedTracker):
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowDriver:
    made = SlowDriver()
    monkeypatch.setitem(drivers.BUILT_IN, "slow", Driver("Slow", made.open, made.find))
    return made


def finished(opening: Opening | Search) -> bool:
    deadline = time.perf_counter() + 60.0
    while not opening.done and time.perf_counter() < deadline:
        time.sleep(0.001)
    return opening.done


def test_a_slow_tracker_is_opened_beside_the_caller(slow: SlowDriver) -> None:
    opening = Opening("slow", REQUEST)
    assert not opening.done
    slow.go.set()
    assert finished(opening)
    assert opening.tracker() is slow.opened[0]
    assert not slow.opened[0].closed


def test_a_tracker_that_nobody_wants_any_more_is_closed(slow: SlowDriver) -> None:
    early = Opening("slow", REQUEST)
    early.abandon()
    slow.go.set()
    assert finished(early)
    late = Opening("slow", REQUEST)
    assert finished(late)
    late.abandon()
    deadline = time.perf_counter() + 60.0
    while not all(tracker.closed for tracker in slow.opened) and time.perf_counter() < deadline:
        time.sleep(0.001)
    assert [tracker.closed for tracker in slow.opened] == [True, True]


def test_what_is_in_the_way_is_told_when_the_tracker_is_asked_for(slow: SlowDriver) -> None:
    slow.fail = True
    slow.go.set()
    with pytest.raises(TrackerError, match=r"It is not there\. Plug it in"):
        Opening("slow", REQUEST).tracker()
    unknown = Opening("nothing", REQUEST)
    assert unknown.done
    with pytest.raises(TrackerError, match="no tracker called 'nothing'"):
        unknown.tracker()
    at_once = Opening("simulated", REQUEST)
    assert at_once.done, "nothing to wait for"


def test_a_search_never_holds_the_caller_up_and_tells_what_is_missing(slow: SlowDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> tuple[FoundTracker, ...]:
        raise MissingExtraError("A Tobii eye tracker", "tobii")

    monkeypatch.setitem(drivers.BUILT_IN, "tobii", Driver("Tobii", BUILT_IN["tobii"].open, missing))
    search = Search(["slow", "tobii", "mouse"])
    assert not search.done
    assert search.found == ()
    slow.go.set()
    assert search.wait(5.0)
    assert search.found == (FoundTracker("slow", "Slow", "1", "here"),)
    assert "pip install 'egma[tobii]'" in str(search.troubles["tobii"])


def test_a_missing_library_is_named_by_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pylsl", None)
    with pytest.raises(MissingExtraError, match=r"egma\[lsl\]"):
        open_tracker("lsl", REQUEST)


def test_a_replay_needs_something_to_replay() -> None:
    with pytest.raises(TrackerError, match="Nothing was chosen to replay"):
        open_tracker("replay", REQUEST)
