"""Decoder processes: the pictures and the errors of this process, and an end in any case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from egma_core.errors import DamagedImageError, ImageError, TrainingError
from egma_core.examples import decoding
from egma_core.examples.decoding import Decoders
from egma_core.examples.films import decode_film
from egma_core.examples.manifest import Manifest


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    both = Decoders(2)
    yield both
    both.close()


def test_a_decoder_gives_the_picture_that_this_process_would(toy_manifest: Callable[..., Path], decoders: Decoders) -> None:
    manifest = Manifest.load(toy_manifest())
    for example in manifest.examples[:3]:
        path = manifest.film_path(example)
        assert np.array_equal(decoders.picture(path, example, 32), decode_film(path, example, 32))


def test_errors_come_back_as_what_they_were(toy_manifest: Callable[..., Path], decoders: Decoders) -> None:
    manifest = Manifest.load(toy_manifest())
    changed, gone, sound = manifest.examples[:3]
    manifest.film_path(changed).write_bytes(b"no film")
    manifest.film_path(gone).unlink()
    for example in (changed, gone, changed):
        with pytest.raises(ImageError) as here:
            decode_film(manifest.film_path(example), example, 32)
        with pytest.raises(ImageError) as there:
            decoders.picture(manifest.film_path(example), example, 32)
        assert type(there.value) is type(here.value) is (DamagedImageError if example is changed else ImageError)
        assert (there.value.what, there.value.remedy) == (here.value.what, here.value.remedy)
    assert decoders.picture(manifest.film_path(sound), sound, 32).any()


def test_a_decoder_that_dies_is_an_error_and_the_next_film_gets_a_new_one(
    toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest.load(toy_manifest())
    example = manifest.examples[0]
    popen = subprocess.Popen
    children: list[subprocess.Popen[bytes]] = []

    def start(command: list[str], **settings: object) -> subprocess.Popen[bytes]:
        dying = [sys.executable, "-c", "import os, sys; sys.stdin.readline(); os._exit(139)"]
        children.append(popen(command if children else dying, **settings))  # type: ignore[call-overload]
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    decoders = Decoders(1)
    with pytest.raises(ImageError, match=r"Decoding the film 0\.dcm ended the decoder"):
        decoders.picture(manifest.film_path(example), example, 32)
    assert decoders.picture(manifest.film_path(example), example, 32).any()
    decoders.close()
    assert [child.returncode is not None for child in children] == [True, True]


def test_a_film_that_never_decodes_is_given_up(toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.load(toy_manifest())
    example = manifest.examples[0]
    popen = subprocess.Popen
    children: list[subprocess.Popen[bytes]] = []

    def start(command: list[str], **settings: object) -> subprocess.Popen[bytes]:
        hanging = [sys.executable, "-c", "import time; time.sleep(600)"]
        children.append(popen(command if children else hanging, **settings))  # type: ignore[call-overload]
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    decoders = Decoders(1)
    with monkeypatch.context() as patched:
        patched.setattr(decoding, "ANSWER_S", 0.2)
        with pytest.raises(ImageError, match=r"Decoding the film 0\.dcm took longer than 0\.2 s and was ended"):
            decoders.picture(manifest.film_path(example), example, 32)
    assert children[0].returncode is not None
    assert decoders.picture(manifest.film_path(example), example, 32).any()
    decoders.close()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are asked for as POSIX has them")
def test_ctrl_c_in_the_terminal_is_not_for_decoders(toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = Manifest.load(toy_manifest())
    popen = subprocess.Popen
    children: list[subprocess.Popen[bytes]] = []

    def start(command: list[str], **settings: object) -> subprocess.Popen[bytes]:
        children.append(popen(command, **settings))  # type: ignore[call-overload]
        return children[-1]

    monkeypatch.setattr(subprocess, "Popen", start)
    decoders = Decoders(1)
    decoders.picture(manifest.film_path(manifest.examples[0]), manifest.examples[0], 32)
    assert os.getpgid(children[0].pid) != os.getpgid(0)
    decoders.close()


def test_closing_lets_go_of_who_waits_and_starts_nothing_any_more(
    toy_manifest: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = Manifest.load(toy_manifest())
    example = manifest.examples[0]
    popen = subprocess.Popen
    started = threading.Event()

    def silent(command: list[str], **settings: object) -> subprocess.Popen[bytes]:
        child = popen([sys.executable, "-c", "import time; time.sleep(60)"], **settings)  # type: ignore[call-overload]
        started.set()
        return child

    monkeypatch.setattr(subprocess, "Popen", silent)
    decoders = Decoders(1)
    refused: list[str] = []

    def ask() -> None:
        with pytest.raises(TrainingError) as caught:
            decoders.picture(manifest.film_path(example), example, 32)
        refused.append(caught.value.what)

    waiting = threading.Thread(target=ask)
    waiting.start()
    assert started.wait(10)
    begun = time.perf_counter()
    decoders.close()
    waiting.join(10)
    assert time.perf_counter() - begun < 10
    started.clear()
    ask()
    assert refused == ["The films are not read any more."] * 2
    assert not started.is_set()


def test_a_decoder_needs_no_torch_and_ends_with_its_parent() -> None:
    code = "import sys, egma_core.examples.decoding as d; assert 'torch' not in sys.modules; d.main(); print('ended')"
    child = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps({"do": "dance"}).encode() + b"\n", capture_output=True, timeout=30, check=True
    )
    (event,) = [json.loads(line) for line in child.stdout.splitlines()]
    assert event["event"] == "error"
    assert "dance" in event["what"]
    assert b"ended" in child.stderr, "what else is printed goes to stderr"
