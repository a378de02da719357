from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from egma_core.store.store import Store

OPEN = """
import sys
from pathlib import Path
from egma_app.app import main
status = main(Path(sys.argv[1]) if len(sys.argv) > 1 else None, quit_after_ms=600)
print("closed", status)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_LOGGING_RULES": "qt.qpa.*=false"}
    return subprocess.run(
        [sys.executable, "-c", OPEN, *arguments], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("with_library", [False, True])
def test_the_program_opens_and_closes_without_a_word(tmp_path: Path, with_library: bool) -> None:
    path = tmp_path / "library.sqlite"
    Store.open(path, create=True).close()
    done = run(*([str(path)] if with_library else []))
    assert done.stdout.strip() == "closed 0" and done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if "propagateSizeHints" not in line]
    assert said == []


def test_a_library_that_is_not_there_is_said_in_the_window(tmp_path: Path) -> None:
    done = run(str(tmp_path / "nothing.sqlite"))
    assert done.stdout.strip() == "closed 0" and "Traceback" not in done.stderr
