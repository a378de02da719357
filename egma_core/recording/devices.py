"""What is plugged in, looked for in a process of its own: this module run as a program.

Looking for Tobii trackers holds Python's lock for seconds, a tracker may take as long to answer, and an audio library wakes
every sound card: none of that may happen in the window. It takes the commands find, ask, listen and hush, and tells driver,
found, asked, level, engine and error (see `egma_core.child` for the form of both).
"""

from __future__ import annotations

import dataclasses
import sys
from time import perf_counter_ns

from egma_core.child import Channel, Command, serve
from egma_core.errors import ConfigError, EgmaError
from egma_core.geometry import Screen
from egma_core.recording.microphone import Microphone, find_microphones, open_microphone
from egma_core.speech.transcriber import engines
from egma_core.trackers.driver import TrackerRequest
from egma_core.trackers.drivers import Opening, Search, driver, driver_names

_STEP_S = 0.1
_ANY_SCREEN = Screen(1920, 1080, 520.0, 290.0, 600.0)  # what a tracker says of itself does not depend on it


class Devices:
    """Carries out the window's commands."""

    def __init__(self, channel: Channel) -> None:
        """Wait for the first."""
        self._channel = channel
        self._search: Search | None = None
        self._told: object = None
        self._asking: tuple[str, Opening] | None = None
        self._microphone: Microphone | None = None

    def handle(self, command: Command) -> None:
        """Carry out one command.

        Raises:
            EgmaError: It cannot be carried out.
        """
        if command.do == "find":
            self._find()
        elif command.do == "ask":
            fields = command.fields({"driver": str}, {"address": str, "rate_hz": float})
            name = fields.pop("driver")
            self._forget_asking()
            self._asking = name, Opening(name, TrackerRequest(perf_counter_ns, _ANY_SCREEN, **fields))
        elif command.do == "listen":
            fields = command.fields({"microphone": str}, {"options": dict})
            self._hush()
            options = {str(name): str(value) for name, value in fields.get("options", {}).items()}
            self._microphone = open_microphone(fields["microphone"], perf_counter_ns, options)
            self._microphone.start()
        elif command.do == "hush":
            self._hush()
        else:
            raise ConfigError(f"There is no command '{command.do}'.", "Commands: find, ask, listen, hush, quit.")

    def step(self) -> None:
        """Tell what has been found, answered or heard since the last time."""
        self._tell_found()
        self._tell_asked()
        if self._microphone is not None:
            self._microphone.drain()
            self._channel.emit("level", db=self._microphone.level_db())

    def close(self) -> None:
        """Let every device go."""
        self._hush()
        self._forget_asking()

    def _find(self) -> None:
        for name in driver_names():
            try:
                self._channel.emit("driver", name=name, title=driver(name).title)
            except EgmaError as error:
                self._channel.emit("driver", name=name, title=name, trouble=str(error))
        for engine, trouble in engines().items():
            self._channel.emit("engine", name=engine, trouble=trouble)
        try:
            self._channel.emit("microphones", found=[found.name for found in find_microphones()])
        except EgmaError as error:
            self._channel.emit("microphones", found=[], trouble=str(error))
        self._search, self._told = Search(driver_names()), None

    def _tell_found(self) -> None:
        search = self._search
        if search is None:
            return
        done = search.done
        troubles = {name: str(error) for name, error in search.troubles.items()}
        now = ([dataclasses.asdict(found) for found in search.found], troubles, done)
        if now != self._told:
            self._told = now
            self._channel.emit("found", trackers=now[0], troubles=troubles, done=done)
        if done:
            self._search = None

    def _tell_asked(self) -> None:
        if self._asking is None or not self._asking[1].done:
            return
        (name, opening), self._asking = self._asking, None
        try:
            tracker = opening.tracker()
        except EgmaError as error:
            self._channel.emit("asked", driver=name, trouble=str(error))
            return
        described = dataclasses.asdict(tracker.description)
        tracker.close()
        self._channel.emit("asked", driver=name, tracker={**described, "capabilities": sorted(described["capabilities"])})

    def _forget_asking(self) -> None:
        if self._asking is not None:
            self._asking[1].abandon()
            self._asking = None

    def _hush(self) -> None:
        microphone, self._microphone = self._microphone, None
        if microphone is not None:
            microphone.close()


def main() -> int:
    """Serve the window until it says quit or goes away."""
    channel = Channel.standard()
    devices = Devices(channel)
    try:
        serve(channel, devices.handle, tick=devices.step, every_s=_STEP_S)
    finally:
        devices.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
