"""Claims that one holder has at a time, replacing that is tried again on Windows, and refusals in words."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from egma_core import files
from egma_core.errors import StoreError
from egma_core.files import Claim, disk_in_words, replace_file


def test_a_claim_has_one_holder_and_goes_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "claim"
    code = "import sys, pathlib, egma_core.files as f; f.Claim(pathlib.Path(sys.argv[1])); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError):
            Claim(path)
        other.kill()
        other.wait(30)
    claim = Claim(path)
    with pytest.raises(BlockingIOError):
        Claim(path)
    claim.release()
    claim.release()
    Claim(path).release()


def test_where_the_file_system_has_no_locks_every_claim_is_granted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files, "_lock", refuse)
    claims = [Claim(tmp_path / "claim") for _ in range(2)]
    for claim in claims:
        claim.release()


@pytest.mark.parametrize(("system", "refusals", "done"), [("win32", 3, True), ("win32", 99, False), ("linux", 1, False)])
def test_replacing_waits_for_who_holds_a_file_open_on_windows_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, refusals: int, done: bool
) -> None:
    source, target = tmp_path / "new", tmp_path / "old"
    source.touch()
    left = [refusals]
    plain = Path.replace

    def busy(path: Path, to: Path) -> Path:
        left[0] -= 1
        if left[0] >= 0:
            raise PermissionError(13, "in use")
        return plain(path, to)

    waited: list[float] = []
    monkeypatch.setattr(files.sys, "platform", system)
    monkeypatch.setattr(files.time, "sleep", waited.append)
    monkeypatch.setattr(Path, "replace", busy)
    if done:
        replace_file(source, target)
    else:
        with pytest.raises(PermissionError):
            replace_file(source, target)
    assert target.exists() == done
    assert (sum(waited) == pytest.approx(2.0)) == (refusals == 99)


def test_a_refusal_of_the_disk_has_words() -> None:
    with pytest.raises(StoreError) as caught, disk_in_words(StoreError, "The letter cannot be kept", "Burn it."):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert (caught.value.what, caught.value.remedy) == ("The letter cannot be kept (No space left on device).", "Burn it.")
