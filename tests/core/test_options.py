"""Options read from plain values: what is no number is no setting."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from egma_core.errors import ConfigError
from egma_core.options import from_mapping, option


@dataclass(frozen=True)
class Shape:
    side: float = option(1.0, "Side", low=0.0, high=10.0)
    sides: tuple[float, ...] = option((1.0,), "Sides")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(value: float) -> None:
    with pytest.raises(ConfigError, match="side must be a finite number"):
        from_mapping(Shape, {"side": value})
    with pytest.raises(ConfigError, match="sides must be a finite number"):
        from_mapping(Shape, {"sides": [1.0, value]})
    assert from_mapping(Shape, {"side": 2}).side == 2.0
