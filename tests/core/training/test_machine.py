"""The machine under a process of a run."""

from __future__ import annotations

import platform

import pytest
import torch

from egma_core.errors import TrainingError
from egma_core.training import machine
from egma_core.training.config import TrainingConfig
from egma_core.training.place import Place


def test_cuda_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert machine.choose_device(TrainingConfig(device="auto"), Place()).type == "cpu"
    with pytest.raises(TrainingError, match="CUDA"):
        machine.choose_device(TrainingConfig(device="cuda"), Place())


def test_threads_follow_the_configuration() -> None:
    before = torch.get_num_threads()
    try:
        assert machine.use_threads(TrainingConfig(threads=1), Place()) == torch.get_num_threads() == 1
        assert machine.use_threads(TrainingConfig(), Place()) == torch.get_num_threads() >= 1
    finally:
        torch.set_num_threads(before)


def test_glibc_takes_the_thresholds_and_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    if platform.system() == "Linux" and platform.libc_ver()[0] == "glibc":
        assert machine.keep_memory()
    monkeypatch.setattr(platform, "system", lambda: "Windows")
    assert not machine.keep_memory()
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not machine.keep_memory()
