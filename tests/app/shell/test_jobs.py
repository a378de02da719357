from __future__ import annotations

import functools
import gc
import os
import signal
import sys
import textwrap
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import shiboken6
from PySide6.QtCore import QObject, QThread
from pytestqt.qtbot import QtBot

from egma_app import jobs


def test_result_is_delivered_on_the_windows_thread(qtbot: QtBot) -> None:
    owner, here = QObject(), QThread.currentThread()
    got: list[Any] = []
    job = jobs.run(owner, lambda: threading.get_ident(), lambda result: got.append((result, QThread.currentThread())))
    assert job.pending and jobs.pending() == 1
    qtbot.waitUntil(lambda: bool(got))
    assert got[0][0] != threading.get_ident() and got[0][1] == here
    assert jobs.pending() == 0


def test_what_was_raised_is_delivered(qtbot: QtBot) -> None:
    owner, got = QObject(), list[BaseException]()
    jobs.run(owner, lambda: 1 / 0, lambda _: pytest.fail("no result was expected"), got.append)
    qtbot.waitUntil(lambda: bool(got))
    assert isinstance(got[0], ZeroDivisionError)


def test_what_nobody_takes_reaches_the_hook(qtbot: QtBot) -> None:
    owner = QObject()
    with qtbot.captureExceptions() as caught:
        job = jobs.run(owner, lambda: 1 / 0, lambda _: None)
        qtbot.waitUntil(lambda: not job.pending)
    assert [kind for kind, *_ in caught] == [ZeroDivisionError]


def test_nothing_is_called_once_the_owner_is_gone_or_the_result_unwanted(qtbot: QtBot) -> None:
    go, got = threading.Event(), list[str]()
    owner, other = QObject(), QObject()
    jobs.run(owner, go.wait, lambda _: got.append("gone"), lambda _: got.append("gone"))
    jobs.run(other, go.wait, lambda _: got.append("dropped")).drop()
    shiboken6.delete(owner)
    go.set()
    qtbot.waitUntil(lambda: jobs.pending() == 0)
    assert got == []


def test_work_of_one_executor_keeps_its_order(qtbot: QtBot) -> None:
    owner, order = QObject(), list[int]()
    with ThreadPoolExecutor(max_workers=1) as writer:
        for number in range(20):
            jobs.run(owner, lambda number=number: order.append(number), lambda _: None, executor=writer)
        qtbot.waitUntil(lambda: jobs.pending() == 0)
    assert order == list(range(20))


def test_a_delivered_job_is_forgotten(qtbot: QtBot) -> None:
    class Result:
        pass

    owner = QObject()
    held: list[weakref.ref[Result]] = []
    job = jobs.run(owner, Result, lambda result: held.append(weakref.ref(result)))
    qtbot.waitUntil(lambda: bool(held))
    del job
    qtbot.wait(1)
    gc.collect()
    assert held[0]() is None


def test_progress_is_told_and_can_be_cancelled(qtbot: QtBot) -> None:
    owner = QObject()
    steps: list[tuple[int, int, str]] = []
    progress = jobs.Progress(owner, lambda *step: steps.append(step))
    errors: list[BaseException] = []
    went_on = threading.Event()

    def work() -> None:
        progress.report(1, 3, "first")
        went_on.wait(5)
        progress.report(2, 3)

    jobs.run(owner, work, lambda _: pytest.fail("it was cancelled"), errors.append)
    qtbot.waitUntil(lambda: steps == [(1, 3, "first")])
    progress.cancel()
    went_on.set()
    qtbot.waitUntil(lambda: bool(errors))
    assert isinstance(errors[0], jobs.Cancelled) and steps == [(1, 3, "first")]


def test_what_the_work_referred_to_is_let_go_of_on_the_windows_thread(qtbot: QtBot) -> None:
    owner, here = QObject(), threading.get_ident()
    let_go: list[int] = []

    class Film:
        def __del__(self) -> None:
            let_go.append(threading.get_ident())

    def look(film: Film, *, fail: bool) -> int:
        return id(film) // (0 if fail else 1)

    for nth in range(200):
        film = Film()
        jobs.run(owner, functools.partial(look, film, fail=nth % 2 == 1), lambda _: None, lambda _: None)
        del film
    qtbot.waitUntil(lambda: jobs.pending() == 0)
    gc.collect()
    assert let_go == [here] * 200


def test_garbage_is_collected_on_the_windows_thread_alone(qtbot: QtBot) -> None:
    owner, here = QObject(), threading.get_ident()
    collected: list[int] = []

    def notice(phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            collected.append(threading.get_ident())

    def litter() -> int:
        for _ in range(50_000):
            knot: list[object] = []
            knot.append(knot)
        return threading.get_ident()

    there: list[int] = []
    gc.callbacks.append(notice)
    try:
        timer = jobs.collect_garbage_here(owner)
        jobs.run(owner, litter, there.append)
        qtbot.waitUntil(lambda: bool(there) and bool(collected), timeout=10_000)
    finally:
        gc.callbacks.remove(notice)
    timer.stop()
    assert there != [here] and set(collected) == {here}


# -- child processes

ECHO = """
import json, os, sys
print("this is no event", flush=True)
print(json.dumps({"event": "born", "qt": [n for n in os.environ if n.startswith("QT_")]}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "crash":
        os.abort()
    if command["do"] == "fail":
        print("words for the log", file=sys.stderr)
        sys.exit(3)
    if command["do"] == "hang":
        import time
        time.sleep(60)
    print(json.dumps({"event": "echo", **command}), flush=True)
print(json.dumps({"event": "last"}), flush=True)
"""


class Ear:
    """Everything a child has said."""

    def __init__(self, child: jobs.Child) -> None:
        self.events: list[dict[str, Any]] = []
        self.ended: list[tuple[str, bool]] = []
        child.received.connect(self.events.append)
        child.ended.connect(lambda words, ok: self.ended.append((words, ok)))

    def heard(self, event: str) -> bool:
        return any(e["event"] == event for e in self.events)


@pytest.fixture
def echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "echo_child.py").write_text(textwrap.dedent(ECHO), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return "echo_child"


def started(qtbot: QtBot, module: str, **options: Any) -> tuple[jobs.Child, Ear]:
    child = jobs.Child(module, "Echoing", **options)
    ear = Ear(child)
    child.start()
    qtbot.waitUntil(lambda: ear.heard("born"), timeout=10000)
    return child, ear


def test_child_takes_commands_and_tells_events(qtbot: QtBot, echo: str) -> None:
    child, ear = started(qtbot, echo)
    assert child.running and child.pid > 0 and ear.events[0]["qt"] == [], "children know nothing of Qt"
    for number in range(200):
        child.send({"do": "say", "number": number, "text": "Röntgen"})
    qtbot.waitUntil(lambda: len(ear.events) == 201)
    assert [e["number"] for e in ear.events[1:]] == list(range(200)) and ear.events[1]["text"] == "Röntgen"
    child.finish()
    child.send({"do": "say"})
    qtbot.waitUntil(lambda: bool(ear.ended))
    assert ear.ended == [("", True)] and ear.events[-1] == {"event": "last"} and not child.running
    child.send({"do": "say"})
    child.finish()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("how", ["crash", "kill"])
def test_crash_is_told_in_words(qtbot: QtBot, echo: str, how: str) -> None:
    child, ear = started(qtbot, echo)
    if how == "crash":
        child.send({"do": "crash"})
    else:
        os.kill(child.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(ear.ended))
    assert ear.ended == [("Echoing has stopped: its process crashed or was ended from outside.", False)]


def test_failure_is_told_in_words_and_its_errors_kept(qtbot: QtBot, echo: str) -> None:
    child, ear = started(qtbot, echo)
    child.send({"do": "fail"})
    qtbot.waitUntil(lambda: bool(ear.ended))
    assert ear.ended == [("Echoing has stopped: its process ended with an error (code 3).", False)]
    assert "words for the log" in child.last_errors


def test_child_that_does_not_finish_is_stopped(qtbot: QtBot, echo: str) -> None:
    child, ear = started(qtbot, echo, grace_ms=200)
    child.send({"do": "hang"})
    child.finish()
    qtbot.waitUntil(lambda: bool(ear.ended))
    assert ear.ended == [("Echoing did not end in time and was stopped.", False)]


def test_waiting_for_a_child(qtbot: QtBot, echo: str) -> None:
    child, ear = started(qtbot, echo)
    child.finish()
    assert child.wait(5000) and ear.heard("last")
    stubborn, _ = started(qtbot, echo)
    stubborn.send({"do": "hang"})
    stubborn.finish()
    assert not stubborn.wait(200) and not stubborn.running


def test_child_that_ends_by_itself_is_told(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brief.py").write_text("", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    child = jobs.Child("brief", "Echoing")
    ear = Ear(child)
    child.start()
    qtbot.waitUntil(lambda: bool(ear.ended), timeout=10000)
    assert ear.ended == [("Echoing has ended.", True)]


def test_child_that_cannot_start_is_told(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    child = jobs.Child("echo_child", "Echoing")
    ear = Ear(child)
    child.start()
    qtbot.waitUntil(lambda: bool(ear.ended))
    assert ear.ended == [("Echoing could not start: this Python cannot be run as a child process.", False)]
