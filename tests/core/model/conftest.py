"""One thread for these tests: their tensors are too small to share out."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

import pytest

torch = importlib.import_module("torch") if importlib.util.find_spec("torch") else None


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
