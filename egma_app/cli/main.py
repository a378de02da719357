"""The `egma` command with all its parts."""

from __future__ import annotations

import os

# Threads of torch that wait must sleep: on a machine that has other work too, threads that spin made a training step fourteen
# times as long. Read when torch is loaded, here and in every child.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from egma_app.cli import ablation, benchmarks, evaluation, gaze, library, model, pacs, people, program, protocol, render, results, speech
from egma_app.cli.command import egma

for command in (
    program.demo,
    program.app,
    library.import_,
    results.quarantine,
    pacs.pacs,
    library.record,
    speech.transcribe,
    speech.align,
    library.process,
    gaze.fixations,
    model.train,
    evaluation.evaluate,
    model.predict,
    render.render,
    ablation.ablate,
    library.export,
    protocol.protocol,
    people.erase,
    program.doctor,
    benchmarks.bench,
):
    egma.add_command(command)
for command in (results.export_gaze, results.export_prediction):
    library.export.add_command(command)

main = egma
