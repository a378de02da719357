"""One of two real processes, started by test_processes.py: gradients of its part of a batch, and errors that become everybody's."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from test_gradients import MODEL, build_batch, build_model, gradients, only, put

from egma_core.errors import ImageError, TrainingError
from egma_core.training.config import OptimConfig, TrainingConfig
from egma_core.training.gradients import put_gradients
from egma_core.training.objective import TERMS
from egma_core.training.precision import Precision
from egma_core.training.runtime import Runtime, open_runtime


def differences(runtime: Runtime) -> dict[str, float]:
    """Largest difference of any weight's gradient, by term and size of a pass, from one process's on the whole batch."""
    model, apart = build_model(), {}
    if not runtime.place.leads:
        torch.nn.init.zeros_(model.log_scale)
    runtime.spread(value.detach() for value in model.state_dict().values())
    batch = build_batch(model)
    part = batch.part(0, 4) if runtime.place.leads else batch.part(4, 7)
    for term in (*TERMS, "all"):
        put(model, batch, only(term))
        wanted = {name: gradient.clone() for name, gradient in gradients(model).items()}
        for micro_batch in (0, 2):
            model.zero_grad()
            config = TrainingConfig(model=MODEL, loss=only(term), optim=OptimConfig(micro_batch=micro_batch))
            put_gradients(model, part, config, runtime, Precision("fp32", runtime.device))
            assert gradients(model).keys() == wanted.keys()
            found = max(float((gradient - wanted[name]).abs().max()) for name, gradient in gradients(model).items())
            apart[f"{term}, {micro_batch} films a pass"] = max(runtime.each(found))
    return apart


def words_of(work) -> str:
    try:
        work()
    except (ImageError, TrainingError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def check_agreement(runtime: Runtime) -> None:
    leads, rank = runtime.place.leads, runtime.place.rank
    assert runtime.any(leads)
    assert not runtime.any(False)
    assert runtime.each(f"process {rank}") == ["process 0", "process 1"]
    assert runtime.lead(lambda: f"only {rank}") == "only 0"
    assert [len(t) for t in runtime.gather(torch.ones(rank + 2, 3, dtype=torch.bool))] == [2, 3]
    assert list(runtime.together(range(rank, rank + 3))) == [rank, rank + 1, rank + 2]

    def refuse() -> None:
        raise TrainingError("The disk is full.", "Buy another.")

    assert words_of(lambda: runtime.lead(refuse)) == "TrainingError: The disk is full. Buy another."

    def films():
        yield "first"
        if rank == 1:
            raise ImageError("A film is torn.", "Bring it back.")
        yield "second"

    seen: list[str] = []
    said = words_of(lambda: seen.extend(runtime.together(films())))
    assert said == f"{'ImageError' if rank else 'TrainingError'}: A film is torn. Bring it back."


def main(path: Path) -> None:
    torch.set_num_threads(1)
    with open_runtime(TrainingConfig(device="cpu")) as runtime:
        apart = differences(runtime)
        check_agreement(runtime)
        if runtime.place.leads:
            path.write_text(json.dumps(apart), encoding="utf-8")


main(Path(sys.argv[1]))
