"""Trackers on a bench, and the fakes of both of Tobii's SDKs in place of the real ones."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
FAKES = HERE / "fakes"
SDK_MODULES = ("tobii_room", "tobii_research", "titta_fake", "TittaPy_v1", "TittaPy_v2")

os.environ.setdefault("LSLAPICFG", str(FAKES / "lsl_api.cfg"))  # before liblsl is loaded: streams stay on this machine

_spec = importlib.util.spec_from_file_location("benches", HERE / "benches.py")
assert _spec is not None
assert _spec.loader is not None
benches: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(benches)


@pytest.fixture
def tobii_fakes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The fakes of both SDKs in place of the real ones, and the room they look into."""
    for name in SDK_MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(FAKES)
    yield importlib.import_module("tobii_room")
    for name in SDK_MODULES:
        sys.modules.pop(name, None)


@pytest.fixture
def make_bench(tobii_fakes: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """A bench by its driver's name; skipped, visibly, where liblsl is not there."""
    made: list[Any] = []

    def make(name: str) -> Any:
        if name == "lsl":
            pytest.importorskip("pylsl", reason="the extra 'lsl' is not installed", exc_type=(ImportError, RuntimeError))
            monkeypatch.setattr("egma_core.trackers.lsl._SEARCH_S", 60.0)  # it ends as soon as the bench's stream is found
        made.append(benches.BENCHES[name]())
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture(params=benches.BENCHES)
def bench(request: pytest.FixtureRequest, make_bench: Callable[[str], Any]) -> Any:
    return make_bench(request.param)
