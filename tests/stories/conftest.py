"""The program as a user has it: built into a wheel, unpacked far from the checkout, run as a command."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

WITHOUT_QT = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"PySide6", "shiboken6", "pyqtgraph"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content: an install that is not editable."""
    built, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        wheel.extractall(site)
    return site


@pytest.fixture(scope="session")
def bare_egma(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The `egma` command of that install, in an empty folder, with Qt absent."""
    (installed / "sitecustomize.py").write_text(WITHOUT_QT, encoding="utf-8")
    folder = tmp_path_factory.mktemp("bare")

    def run(*arguments: str | Path, cwd: Path = folder) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(installed), "EGMA_KEYS": str(folder / "keys")}
        command = [sys.executable, "-m", "egma_app.cli", *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def demo_folder(bare_egma: Callable[..., subprocess.CompletedProcess[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one whole headless demo left behind."""
    out = tmp_path_factory.mktemp("demo") / "demo"
    done = bare_egma("demo", "--headless", "--out", out)
    assert done.returncode == 0, done.stderr
    return out
