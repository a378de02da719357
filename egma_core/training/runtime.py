"""The one seam between training and the processes that share it: a single one in plain torch, or several over Lightning Fabric.

Of several processes each holds the whole model and embeds its part of every batch. They meet in the methods here, which
all of them must call in the same order; what only one may do, such as writing, is done by the one that leads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import torch
from torch import Tensor

from egma_core.errors import MissingExtraError
from egma_core.training.config import TrainingConfig
from egma_core.training.machine import choose_device
from egma_core.training.place import Place, find_place, processes_to_start

T = TypeVar("T")


class Runtime:
    """One process, which has nobody to agree with.

    Attributes:
        place: Its place among all.
        device: Its device.
    """

    def __init__(self, place: Place, device: torch.device) -> None:
        """Take a place and a device."""
        self.place = place
        self.device = device

    def __enter__(self) -> Runtime:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the others; nothing may be asked of this any more."""

    def any(self, flag: bool) -> bool:
        """Whether it is true in any process."""
        return flag

    def lead(self, work: Callable[[], T]) -> T:
        """What the leading process's `work` returns, in every process; its error, if it raises one, is everybody's."""
        return work()

    def each(self, value: T) -> list[T]:
        """Every process's plain value, in the order of ranks."""
        return [value]

    def together(self, items: Iterable[T]) -> Iterator[T]:
        """This process's items, one at a time in every process; an error that one meets on the way ends all, in its words."""
        yield from items

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Every process's tensor, in the order of ranks, without gradient; the first axis may differ in length."""
        return [tensor]

    def average(self, tensors: list[Tensor]) -> None:
        """Put the mean over processes into every tensor."""

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Put the leading process's values into every tensor."""


def open_runtime(config: TrainingConfig) -> Runtime:
    """Join the processes of this run, as the launcher's environment says; without a launcher there is one.

    Raises:
        ConfigError: The launcher and the configuration disagree.
        TrainingError: The device is not there, or the processes cannot find each other.
        MissingExtraError: There are several processes, and Lightning Fabric is not installed.
    """
    place = find_place()
    if processes_to_start(config, place) > 1:
        raise AssertionError("several processes are started by egma_core.training.launcher, not from inside one")
    device = choose_device(config, place)
    if place.world == 1:
        return Runtime(place, device)
    try:
        from egma_core.training.fabric import FabricRuntime
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "egma_core":
            raise
        raise MissingExtraError("Training in several processes", "cluster") from error
    return FabricRuntime(place, device)
