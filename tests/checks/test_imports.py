"""What may be loaded where: the window opens without torch, the core works without Qt."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BLOCKER = """
import importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        return None

sys.meta_path.insert(0, Absent())
"""


def run_python(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_window_opens_without_torch() -> None:
    pytest.importorskip("PySide6", reason="the window needs PySide6")
    code = BLOCKER.format(blocked={"torch", "transformers", "safetensors"}) + (
        "import os, sys; os.environ['QT_QPA_PLATFORM'] = 'offscreen'\n"
        "from egma_app.app import main\n"
        "from PySide6.QtCore import QTimer\n"
        "sys.argv = ['egma']\n"
        "assert main(quit_after_ms=1500) == 0\n"
        "print([m for m in ('torch', 'transformers') if m in sys.modules])\n"
    )
    assert run_python(code).strip().endswith("[]")


def test_capture_imports_without_torch_and_qt() -> None:
    code = BLOCKER.format(blocked={"torch", "transformers", "PySide6", "pyqtgraph"}) + (
        "import egma_core.recording.process, egma_core.interchange.dicom, egma_core.processing, egma_core.examples.export\nprint('ok')"
    )
    assert run_python(code).strip() == "ok"


COLLECTED = (
    "ablation",
    "demo",
    "dicom_exports",
    "dicom_network",
    "evaluation",
    "examples",
    "inference",
    "model",
    "store",
    "training",
    "trackers",
)
"""Rooms whose tests take long, or which the demo's story runs without Qt: here they are only collected, which imports all they import."""


def test_core_tests_pass_without_qt() -> None:
    collected = [f"tests/core/{room}" for room in COLLECTED if (ROOT / "tests" / "core" / room).is_dir()]
    others = [f"--ignore={room}" for room in collected]
    code = BLOCKER.format(blocked={"PySide6", "pyqtgraph", "shiboken6"}) + (
        "import pytest, sys\n"
        "options = ['-p', 'no:pytest-qt', '-p', 'no:cacheprovider', '-q', '-x']\n"
        f"status = pytest.main([*options, '--collect-only', *{collected!r}])\n"
        f"sys.exit(status or pytest.main([*options, 'tests/core', *{others!r}]))\n"
    )
    run_python(code)
