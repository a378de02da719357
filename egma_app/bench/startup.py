"""How long the window takes to import."""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Any

BARE_IMPORTS = "import PySide6.QtWidgets, pyqtgraph, sqlalchemy, pydicom"
OUR_IMPORTS = "import egma_app.app, egma_app.main_window"


def bench_startup(repeats: int = 7) -> dict[str, Any]:
    """How long the window's modules take to import, against the libraries it cannot do without.

    Each import runs in a fresh interpreter, alternating between the two, after one unmeasured run of each.
    """
    bare, ours = [], []
    for turn in range(repeats + 1):
        times = _import_seconds(BARE_IMPORTS), _import_seconds(OUR_IMPORTS)
        if turn:
            bare.append(times[0])
            ours.append(times[1])
    ratio = statistics.median(ours) / statistics.median(bare)
    return {"bare_import_s": round(statistics.median(bare), 3), "app_import_s": round(statistics.median(ours), 3), "ratio": round(ratio, 2)}


def _import_seconds(statement: str) -> float:
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)
