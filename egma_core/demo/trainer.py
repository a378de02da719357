"""The training child, as the window starts it, watched from a terminal."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from egma_core.errors import TrainingError

GRACE_S = 60.0


def train_in_child(manifest: Path, config: Path, run: Path, told: Callable[[int, int], None]) -> None:
    """Train in a process of its own; a run that is there already goes on.

    When this process is interrupted, the child is asked to save and stop, by closing its standard input.

    Args:
        manifest: The examples.
        config: The configuration, TOML.
        run: The run's folder.
        told: Called with steps done and steps in all.

    Raises:
        TrainingError: Training ended before its last step; what the child said is in the message.
    """
    command = [sys.executable, "-m", "egma_core.training.process", "--manifest", str(manifest), "--config", str(config), "--out", str(run)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", start_new_session=True)
    assert child.stdout is not None and child.stdin is not None
    ended, words = "", ("Training stopped without a word.", "Run the same command again to go on from its last checkpoint.")
    try:
        for line in child.stdout:
            event = json.loads(line)
            ended = event["event"]
            if ended == "step":
                told(event["step"], event["steps"])
            elif ended == "error":
                words = event["what"], event["remedy"]
    finally:
        with contextlib.suppress(OSError):
            child.stdin.close()
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        child.stdout.close()
    if ended != "done":
        raise TrainingError(*words)
