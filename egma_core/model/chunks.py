"""Large batches a few films at a time, so that memory grows with what must be kept and not with what is computed on the way."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

AT_ONCE = 2**24
"""Numbers that a loss term may hold in one intermediate tensor before it goes through the films in parts: 64 MiB of float32."""


def by_films(function: Callable[[slice], Tensor], films: int, numbers_a_film: int, at_once: int = AT_ONCE) -> Tensor:
    """`function` of all films: in one go where it fits, else part by part, with each part computed again for its gradient.

    Args:
        function: Of a span of films, their values with the films first; it must not depend on other films' spans.
        films: How many films there are.
        numbers_a_film: Size of the function's largest intermediate tensor, divided by the films.
        at_once: Largest size of that tensor that is computed in one go.

    Returns:
        The values of all films; the same, with the same gradient, however they were parted, to rounding.
    """
    size = max(1, at_once // max(1, numbers_a_film))
    if size >= films:
        return function(slice(0, films))
    spans = [slice(start, start + size) for start in range(0, films, size)]
    return torch.cat([checkpoint(function, span, use_reentrant=False, preserve_rng_state=False) for span in spans])
