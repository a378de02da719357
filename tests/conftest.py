"""What every test may use."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# As in the program: threads of torch that wait for each other sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Timings never decide a test, and a run says the same as the one before it.
hypothesis.settings.register_profile("egma", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("egma")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Let the core's tests run where Qt, and so pytest-qt, is absent."""
    if not pluginmanager.hasplugin("pytest-qt"):
        parser.addini("qt_api", "used by pytest-qt alone")
        parser.addini("qt_log_level_fail", "used by pytest-qt alone")


class WithoutTorch(pytest.Module):
    """A module of tests that skips, visibly, where torch is not installed and its imports need it."""

    def _getobj(self) -> Any:
        try:
            return super()._getobj()
        except self.CollectError as error:
            if "No module named 'torch'" in str(error):
                pytest.skip("torch is not installed", allow_module_level=True)
            raise


def pytest_pycollect_makemodule(module_path: Path, parent: Any) -> pytest.Module | None:
    """Let the tests of a station without torch run."""
    return WithoutTorch.from_parent(parent, path=module_path) if importlib.util.find_spec("torch") is None else None


SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of test films and recordings beside the project; tests that need it are skipped where it is absent."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip(f"the test data is not at {folder}")
    return folder


@pytest.fixture(scope="session")
def golden() -> Path:
    """The file of golden numbers beside the project; tests that need it are skipped where it is absent."""
    path = SHARED / "golden" / "egma_golden.npz"
    if not path.is_file():
        pytest.skip(f"the golden numbers are not at {path}")
    return path


@pytest.fixture(autouse=True)
def _keys_outside_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep libraries' keys and the program's settings of tests away from the user's own."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("EGMA_KEYS", str(home / "keys"))
    monkeypatch.setenv("EGMA_SETTINGS", str(home / "settings.ini"))
