"""A voice that knows when it says what."""

from __future__ import annotations

import sys
from importlib import util
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def voice() -> Any:
    """A synthetic voice; tests that need it are skipped where libespeak-ng is not installed."""
    spec = util.spec_from_file_location("voice", Path(__file__).parent / "voice.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    sys.modules["voice"] = module
    spec.loader.exec_module(module)
    try:
        return module.Voice()
    except OSError:
        pytest.skip("libespeak-ng is not installed")
