"""Where a process stands among those of its run, and how many have to be started: torchrun's and SLURM's conventions, or our own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from egma_core.errors import ConfigError
from egma_core.training.config import TrainingConfig

Launcher = Literal["", "torchrun", "slurm"]

TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
"""Variables that torchrun sets for each process; our own launcher sets them too."""

SLURM_STEP = "SLURM_STEP_NUM_TASKS"
"""srun sets it for the processes it starts; a batch script that forgot srun has only SLURM_NTASKS."""


@dataclass(frozen=True)
class Place:
    """One process among those of a run.

    Attributes:
        rank: Its number among all.
        world: How many there are.
        local_rank: Its number on its machine.
        local_world: How many its machine has.
        launcher: What started them; empty for a single process.
    """

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world: int = 1
    launcher: Launcher = ""

    @property
    def leads(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    @property
    def nodes(self) -> int:
        """How many machines there are."""
        return -(-self.world // self.local_world)


def find_place(environment: Mapping[str, str] | None = None) -> Place:
    """This process's place, from the environment that its launcher gave it.

    Raises:
        ConfigError: The launcher's variables are no numbers, or SLURM was asked for a number of tasks alone.
    """
    given = os.environ if environment is None else environment
    try:
        if all(name in given for name in TORCHRUN):
            rank, world, local_rank = (int(given[name]) for name in TORCHRUN)
            return Place(rank, world, local_rank, int(given.get("LOCAL_WORLD_SIZE", world)), "torchrun") if world > 1 else Place()
        if int(given.get(SLURM_STEP, "1")) > 1:
            if "SLURM_NTASKS_PER_NODE" not in given:
                raise ConfigError(
                    "SLURM was not told how many processes each machine runs, and might spread them unevenly.",
                    "Ask for --nodes and --ntasks-per-node instead of --ntasks.",
                )
            world = int(given[SLURM_STEP])
            local_world = -(-world // int(given.get("SLURM_STEP_NUM_NODES", "1")))
            return Place(int(given["SLURM_PROCID"]), world, int(given["SLURM_LOCALID"]), local_world, "slurm")
    except (KeyError, ValueError) as error:
        raise ConfigError(
            f"The variables that tell this process its place in the run are not usable ({error}).", "Start it with torchrun or srun."
        ) from error
    return Place()


def processes_to_start(config: TrainingConfig, place: Place) -> int:
    """How many processes this one shall start to train in; 1 means that it trains itself.

    Raises:
        ConfigError: A launcher started another number of processes than the configuration asks for, or several
            machines are asked for and no launcher is there to start anything on them.
    """
    if place.world == 1:
        if config.nodes > 1:
            raise ConfigError(
                f"Nothing starts this run on {config.nodes} machines.",
                "Start the same command with srun (SLURM) or torchrun on each of them.",
            )
        return max(1, config.devices)
    for name, asked, found in (("devices", config.devices, place.local_world), ("nodes", config.nodes, place.nodes)):
        if asked not in (0, found):
            raise ConfigError(
                f"{place.launcher} started the run with {name} = {found}, but the configuration asks for {asked}.",
                f"Set {name} to 0, so that {place.launcher} decides.",
            )
    return 1
