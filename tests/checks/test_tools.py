"""The tools that keep the house in order, run as part of the one test command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["ruff", "check", "."], id="ruff-check"),
        pytest.param(["ruff", "format", "--check", "."], id="ruff-format"),
        pytest.param(["pyright", "--pythonpath", sys.executable], id="pyright"),
        pytest.param(["pyright", "--pythonpath", sys.executable, "--pythonplatform", "Windows"], id="pyright-windows"),
        pytest.param(["importlinter"], id="import-linter"),
    ],
)
def test_tool_finds_nothing(command: list[str]) -> None:
    start = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"]
    if command != ["importlinter"]:
        start = [sys.executable, "-m", *command]
    result = subprocess.run(start, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
