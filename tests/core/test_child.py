"""JSON lines between a program and its children: what is taken, what is refused, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.child import Channel, Command, checked_fields, serve
from egma_core.errors import ConfigError, RecordingError


class Parent:
    """The other end of a channel."""

    def __init__(self) -> None:
        commands, self._to_child = os.pipe()
        self._from_child, events = os.pipe()
        self.channel = Channel(commands, events)
        self._ends = [commands, events]

    def send(self, *lines: object) -> None:
        for line in lines:
            data = line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n"
            os.write(self._to_child, data)

    def hang_up(self) -> None:
        if self._to_child >= 0:
            os.close(self._to_child)
            self._to_child = -1

    def events(self) -> list[dict[str, Any]]:
        """Everything the child has said; it can say no more."""
        self.channel.close()
        os.close(self._ends.pop())
        with os.fdopen(self._from_child, encoding="utf-8") as file:
            self._from_child = -1
            return [json.loads(line) for line in file]

    def close(self) -> None:
        self.hang_up()
        while not self.channel.ended:
            self.channel.receive()
        self.channel.close()
        for end in self._ends:
            os.close(end)
        if self._from_child >= 0:
            os.close(self._from_child)


@pytest.fixture
def parent() -> Iterator[Parent]:
    made = Parent()
    yield made
    made.close()


def test_commands_come_in_and_events_go_out(parent: Parent) -> None:
    parent.send({"do": "one", "x": 1}, {"do": "zwei", "text": "Rundherd – ß"}, b'\n{"do": "three"}')
    parent.hang_up()
    received = [parent.channel.receive() for _ in range(4)]
    assert received == [Command("one", {"x": 1}), Command("zwei", {"text": "Rundherd – ß"}), Command("three", {}), None]
    assert parent.channel.ended
    assert parent.channel.receive() is None
    parent.channel.emit("done", text="größer", n=3)
    parent.channel.fail(RecordingError("It broke.", "Mend it."))
    assert parent.events() == [
        {"event": "done", "text": "größer", "n": 3},
        {"event": "error", "what": "It broke.", "remedy": "Mend it."},
    ]


def test_waiting_has_an_end(parent: Parent) -> None:
    began = time.perf_counter()
    assert parent.channel.receive(0.05) is None
    assert parent.channel.receive(0) is None
    assert 0.04 < time.perf_counter() - began < 2.0
    assert not parent.channel.ended


@pytest.mark.parametrize(
    "line",
    [b"{\n", b"[1]\n", b'"do"\n', b'{"do": 3}\n', b"{}\n", b'{"do": "x", "y": NaN}\n', b"\xff\xfe\n", b"[" * 100_000 + b"\n"],
)
def test_a_line_that_is_no_command_is_reported_and_survived(parent: Parent, line: bytes) -> None:
    parent.send({"do": "first"})
    assert parent.channel.receive() == Command("first", {})
    parent.send(line, {"do": "next"})
    assert parent.channel.receive() == Command("next", {})
    (event,) = parent.events()
    assert event["event"] == "error"
    assert event["what"].startswith("Line 2 of the commands")


def test_serving_ends_with_quit_and_survives_errors(parent: Parent) -> None:
    taken: list[str] = []

    def handle(command: Command) -> None:
        taken.append(command.do)
        if command.do == "bad":
            raise ConfigError("That is bad.", "Send good ones.")

    parent.send({"do": "good"}, {"do": "bad"}, {"do": "good"}, {"do": "quit"}, {"do": "late"})
    serve(parent.channel, handle)
    assert taken == ["good", "bad", "good"]
    assert parent.events() == [{"event": "error", "what": "That is bad.", "remedy": "Send good ones."}]


def test_ticks_come_between_commands_however_many(parent: Parent) -> None:
    ticks: list[float] = []

    def handle(command: Command) -> None:
        time.sleep(0.01)

    def tick() -> None:
        ticks.append(time.perf_counter())
        if len(ticks) == 2:
            raise RecordingError("A tick failed.", "")

    parent.send(*({"do": "busy"} for _ in range(40)))
    parent.hang_up()
    serve(parent.channel, handle, tick=tick, every_s=0.05)
    assert 3 <= len(ticks) <= 12
    assert parent.events() == [{"event": "error", "what": "A tick failed.", "remedy": ""}]


REQUIRED, OPTIONAL = {"n": int, "x": float}, {"name": str}


def test_fields_are_taken_by_their_kinds() -> None:
    command = Command("go", {"n": 3, "x": 2, "name": None})
    assert command.fields(REQUIRED, OPTIONAL) == {"n": 3, "x": 2.0}
    assert isinstance(command.fields(REQUIRED, OPTIONAL)["x"], float)
    assert Command("go", {}).fields() == {}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"x": 1.0}, "The command 'go' lacks the field 'n'. Its fields: n (int), x (float), name (str, optional)."),
        ({"n": 1, "x": 1.0, "y": 2}, "has no field 'y'"),
        ({"n": 1.5, "x": 1.0}, "has a 'n' of the wrong kind. It must be of type int."),
        ({"n": True, "x": 1.0}, "has a 'n' of the wrong kind"),
        ({"n": 1, "x": False}, "has a 'x' of the wrong kind"),
        ({"n": None, "x": 1.0}, "has a 'n' of the wrong kind"),
        ({"n": 1, "x": 1.0, "name": 5}, "has a 'name' of the wrong kind"),
        ([], "must be a group of fields"),
    ],
)
def test_fields_of_another_kind_are_refused(values: Any, words: str) -> None:
    with pytest.raises(ConfigError) as raised:
        checked_fields("The command 'go'", values, REQUIRED, OPTIONAL)
    assert words in str(raised.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_no_json_value_gets_past_as_something_else(values: Any) -> None:
    try:
        fields = checked_fields("It", values, REQUIRED, OPTIONAL)
    except ConfigError:
        return
    assert isinstance(fields["n"], int)
    assert isinstance(fields["x"], float)
    assert isinstance(fields.get("name", ""), str)


def test_in_a_child_nothing_but_events_reaches_stdout() -> None:
    code = (
        "import sys\nfrom egma_core.child import Channel, serve\n"
        "channel = Channel.standard()\nprint('stray')\nsys.stdout.flush()\n"
        "import os; os.write(1, b'lower still\\n')\n"
        "serve(channel, lambda command: channel.emit('did', do=command.do))\n"
        "for n in range(2000):\n    channel.emit('n', n=n)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input='{"do": "a"}\n{"do": "b"}', capture_output=True, text=True, timeout=30, check=True
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[:2] == [{"event": "did", "do": "a"}, {"event": "did", "do": "b"}]
    assert [event["n"] for event in events[2:]] == list(range(2000)), "what was emitted last is written before the end"
    assert done.stderr == "stray\nlower still\n"


def test_a_child_ends_when_told_to_while_its_parent_stays() -> None:
    code = "from egma_core.child import Channel, serve\nserve(Channel.standard(), lambda command: None)\n"
    child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin is not None
    child.stdin.write(b'{"do": "quit"}\n')
    child.stdin.flush()
    assert child.wait(30) == 0, "though its stdin is still open"
    _, errors = child.communicate()
    assert errors == b""
