"""Workers and who leads them: nothing that a worker says or suffers leaves the leader waiting, or a traceback on the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from egma_core.ablation import team
from egma_core.ablation.folder import StudyFolder
from egma_core.ablation.team import Task, Team, read_event
from egma_core.errors import TrainingError

TALKER = "import sys\nsys.stdin.readline()\nsys.stdout.write({said!r})\nsys.stdout.flush()\nsys.stdin.read()\n"


def follow(monkeypatch: pytest.MonkeyPatch, code: str) -> list[tuple[int, int]]:
    """What is told of one task that a worker of this code is given."""

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", errors="replace"
        )

    monkeypatch.setattr(team, "_start", start)
    told: list[tuple[int, int]] = []
    with Team(1) as workers:
        workers.carry_out([Task({"do": "films"}, 3)], lambda done, total: told.append((done, total)))
    return told


NO_EVENTS = ("", "{", "[1]", "3", '"step"', "{}", '{"event": "step"}', '{"event": "finished"}', '{"event": 3}', "[" * 100_000)


@pytest.mark.parametrize("line", NO_EVENTS, ids=range(len(NO_EVENTS)))
def test_a_line_that_is_no_event_becomes_an_error_in_words(line: str) -> None:
    event = read_event(line)
    assert event["event"] == "error"
    assert "no event" in event["what"]


def test_events_are_read_as_they_are() -> None:
    for event in ({"event": "step", "task": 1, "step": 2, "steps": 3}, {"event": "finished", "task": 1}, {"event": "stopped", "task": 0}):
        assert read_event(json.dumps(event)) == event


def test_a_broken_line_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="no event"):
        follow(monkeypatch, TALKER.format(said='{"event": "st\n'))


def test_a_worker_that_dies_is_told_of_after_a_line_that_is_not_even_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainingError, match="no event"):
        follow(monkeypatch, "import sys\nsys.stdin.readline()\nsys.stdout.buffer.write(b'\\xff\\xfe\\n')\n")
    with pytest.raises(TrainingError, match="without a word"):
        follow(monkeypatch, "import sys\nsys.stdin.readline()\n")


def test_a_task_that_is_finished_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    said = '{"event": "step", "task": 0, "step": 2}\n{"event": "finished", "task": 0}\n'
    assert follow(monkeypatch, TALKER.format(said=said)) == [(0, 3), (2, 3), (3, 3)]


def test_what_nobody_foresaw_is_an_error_event_and_its_details_are_kept(drawn: Path, tmp_path: Path) -> None:
    """A seed that is no number is a defect of the leader, which no worker expects."""
    folder = StudyFolder.open(tmp_path / "study", StudyFolder(drawn).plan())
    command = json.dumps({"do": "films", "task": 0, "study": str(folder.path), "seeds": ["none"]}) + "\n"
    done = subprocess.run(
        [sys.executable, "-m", "egma_core.ablation.worker"], input=command, capture_output=True, encoding="utf-8", check=False, timeout=60
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events] == ["error"]
    assert "failed unexpectedly" in events[0]["what"]
    assert "errors.log" in events[0]["remedy"]
    assert "Traceback" not in done.stderr
    assert "Traceback" in folder.errors.read_text(encoding="utf-8")
    assert done.returncode == 1
