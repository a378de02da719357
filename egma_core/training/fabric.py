"""Several processes, on one machine or many, joined by Lightning Fabric: NCCL between NVIDIA GPUs, gloo between CPUs."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, distributed

from egma_core.errors import EgmaError, TrainingError
from egma_core.training.place import Place
from egma_core.training.runtime import Runtime

T = TypeVar("T")

PATIENCE = timedelta(hours=2)
"""How long a process waits for the others, which may be evaluating or writing."""

BUCKET_BYTES = 64 * 2**20
"""Gradients travel in parcels of about this size."""


class FabricRuntime(Runtime):
    """One of several processes."""

    def __init__(self, place: Place, device: torch.device) -> None:
        """Find the others.

        Raises:
            TrainingError: This system cannot join processes, or they do not find each other.
        """
        super().__init__(place, device)
        _check_possible(device)
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        try:
            environment: ClusterEnvironment = (
                SLURMEnvironment(auto_requeue=False) if place.launcher == "slurm" else TorchElasticEnvironment()
            )
            strategy = DDPStrategy(
                # One entry a local process; each is given its own device, which a launcher may have hidden from the others.
                parallel_devices=[device] * place.local_world,
                cluster_environment=environment,
                process_group_backend="nccl" if device.type == "cuda" else "gloo",
                timeout=PATIENCE,
            )
            self._fabric = Fabric(strategy=strategy, num_nodes=place.nodes)
            self._fabric.launch()
        except (RuntimeError, ValueError, OSError) as error:
            raise TrainingError(
                f"The {place.world} processes of the run did not find each other ({_first_line(error)}).",
                "Look whether all of them were started, and whether the machines reach each other's ports.",
            ) from error

    def close(self) -> None:
        """Leave the group of processes."""
        if distributed.is_initialized():
            distributed.destroy_process_group()

    def any(self, flag: bool) -> bool:
        """Whether it is true in any process."""
        raised = torch.tensor([int(flag)], device=self.device)
        with self._meeting():
            distributed.all_reduce(raised, distributed.ReduceOp.MAX)
        return bool(raised.item())

    def lead(self, work: Callable[[], T]) -> T:
        """What the leading process's `work` returns, in every process; its error, if it raises one, is everybody's."""
        value: T | None = None
        error: EgmaError | None = None
        if self.place.leads:
            try:
                value = work()
            except EgmaError as raised:
                error = raised
        with self._meeting():
            said = self._fabric.broadcast((value, None if error is None else (error.what, error.remedy)))
        if error is not None:
            raise error
        if said[1] is not None:
            raise TrainingError(*said[1])
        return cast(T, said[0])

    def each(self, value: T) -> list[T]:
        """Every process's plain value, in the order of ranks."""
        values: list[Any] = [None] * self.place.world
        with self._meeting():
            distributed.all_gather_object(values, value)
        return values

    def together(self, items: Iterable[T]) -> Iterator[T]:
        """This process's items, one at a time in every process; an error that one meets on the way ends all, in its words."""
        iterator = iter(items)
        while True:
            error: EgmaError | None = None
            item: list[T] = []
            try:
                item = [value for _, value in zip(range(1), iterator, strict=False)]
            except EgmaError as raised:
                error = raised
            if self.any(error is not None):
                said = self.each(None if error is None else (error.what, error.remedy))
                if error is not None:
                    raise error
                raise TrainingError(*next(words for words in said if words is not None))
            if not item:
                return
            yield item[0]

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Every process's tensor, in the order of ranks, without gradient; the first axis may differ in length."""
        own = tensor.detach()
        carried = own.to(torch.uint8) if own.dtype == torch.bool else own
        lengths = [torch.zeros(1, dtype=torch.int64, device=own.device) for _ in range(self.place.world)]
        with self._meeting():
            distributed.all_gather(lengths, torch.tensor([len(own)], device=own.device))
            sizes = [int(length) for length in lengths]
            padded = carried.new_zeros((max(sizes), *carried.shape[1:]))
            padded[: len(own)] = carried
            everyones = [torch.empty_like(padded) for _ in sizes]
            distributed.all_gather(everyones, padded)
        return [theirs[:size].to(own.dtype) for theirs, size in zip(everyones, sizes, strict=True)]

    def average(self, tensors: list[Tensor]) -> None:
        """Put the mean over processes into every tensor; they travel in parcels, in order."""
        for parcel in _parcels(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in parcel])
            with self._meeting():
                distributed.all_reduce(flat)
            flat /= self.place.world
            for tensor, mean in zip(parcel, flat.split([tensor.numel() for tensor in parcel]), strict=True):
                tensor.copy_(mean.view_as(tensor))

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Put the leading process's values into every tensor."""
        with self._meeting():
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    @contextlib.contextmanager
    def _meeting(self) -> Generator[None, None, None]:
        """The loss of another process, in words."""
        try:
            yield
        except RuntimeError as error:
            raise TrainingError(
                f"Another process of the run ended or cannot be reached any more ({_first_line(error)}).",
                "Look at what the other processes said; the same command goes on from the latest checkpoint.",
            ) from error


def _check_possible(device: torch.device) -> None:
    if not distributed.is_available():
        raise TrainingError("This installation of torch cannot train in several processes.", "Set devices and nodes to 1.")
    if device.type == "cuda" and not distributed.is_nccl_available():
        where = "Windows has no" if sys.platform == "win32" else "This installation of torch has no"
        raise TrainingError(f"{where} NCCL, which several GPUs need.", "Set devices to 1, or train on Linux (WSL counts).")
    if device.type == "cpu" and not distributed.is_gloo_available():
        raise TrainingError("This installation of torch has no gloo, which several processes on CPUs need.", "Set devices to 1.")


def _parcels(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """The tensors in order, cut where the type changes or a parcel is full."""
    parcel: list[Tensor] = []
    size = 0
    for tensor in tensors:
        if parcel and (tensor.dtype != parcel[0].dtype or size >= BUCKET_BYTES):
            yield parcel
            parcel, size = [], 0
        parcel.append(tensor)
        size += tensor.numel() * tensor.element_size()
    if parcel:
        yield parcel


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
