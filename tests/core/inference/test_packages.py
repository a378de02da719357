"""Imports that fail: a missing extra is said as one, a broken package as that, and a mistake of ours stays a mistake."""

from __future__ import annotations

import pytest

from egma_core.errors import ConfigError, MissingExtraError
from egma_core.inference.packages import unusable


def test_a_package_that_is_missing_is_its_extra() -> None:
    found = unusable(ModuleNotFoundError("No module named 'torch'", name="torch"), "Prediction")
    assert isinstance(found, MissingExtraError)
    assert "egma[train]" in found.remedy


@pytest.mark.parametrize(
    "error", [ImportError("DLL load failed", name="torch._C"), ModuleNotFoundError("No module named 'torch._C'", name="torch._C")]
)
def test_a_package_that_is_there_and_broken_is_not_called_missing(error: ImportError) -> None:
    found = unusable(error, "Prediction")
    assert isinstance(found, ConfigError)
    assert "torch, which is installed but cannot be loaded" in found.what


@pytest.mark.parametrize("name", ["egma_core.model.checkpoint", "scipy", None])
def test_other_failures_stay_what_they_are(name: str | None) -> None:
    error = ImportError("cannot import name 'x'", name=name)
    with pytest.raises(ImportError) as raised:
        unusable(error, "Prediction")
    assert raised.value is error
