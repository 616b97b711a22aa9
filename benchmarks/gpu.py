"""What number formats, kernels of any kind, compilation and CUDA graphs give on a GPU."""

import random
import statistics
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import Case, Scope
from benchmarks.training import noise
from benchmarks.turns import Measured, Turns
from cnnzoo.report.tables import Column, to_markdown

VARIANTS = {
    "bf16-mixed": ("own", "trainer.precision=bf16-mixed"),
    "16-mixed": ("own", "trainer.precision=16-mixed"),
    "32-true": ("own", "trainer.precision=32-true"),
    "any kernels": ("own", "trainer.deterministic=false"),
    "compiled": ("own", "compile=true"),
    "limit": ("limit",),
    "limit, CUDA graphs": ("graphs",),
}
EXPLAINED = """Images a second of `train.py`'s own path, medians over the rounds, with (highest - lowest) / median in
brackets; in bf16-mixed and with deterministic kernels where a column does not say otherwise. The limit is a bare loop
over one batch on the device.
"""


def measure(scope: Scope) -> str:
    """Return tables of images/s and of memory, or why there are none."""
    if not torch.cuda.is_available():
        return "No GPU here: number formats, kernels, compilation and CUDA graphs were not measured.\n"
    speeds: list[dict[str, Any]] = []
    memory: list[dict[str, Any]] = []
    for case in scope.cases:
        rounds = list(side_by_side(case, scope.rounds, scope.seconds))
        row: dict[str, Any] = {"name": case.name, "batch_size": case.batch_size}
        speeds.append(dict(row))
        memory.append(dict(row))
        for variant in VARIANTS:
            each = [measured[variant].images_per_second for measured in rounds]
            speeds[-1][variant] = f"{statistics.median(each):,.0f} ({noise(each):.0%})"
            memory[-1][variant] = f"{rounds[-1][variant].peak_bytes / 2**20:,.0f}"
    columns = [Column("name", "net @ px", left=True), Column("batch_size", "batch")]
    columns += [Column(variant, variant) for variant in VARIANTS]
    return f"{to_markdown(columns, speeds)}\n{EXPLAINED}\nMiB held by tensors at most\n\n{to_markdown(columns, memory)}"


def side_by_side(case: Case, rounds: int, seconds: float) -> Iterator[dict[str, Measured]]:
    """Yield what every variant gave in each round; they prepare together, and then train in turn."""
    with ExitStack() as stack:
        running = {name: Turns(loop, case, Path(), *overrides) for name, (loop, *overrides) in VARIANTS.items()}
        for turns in running.values():
            stack.push(turns)  # all end where one cannot begin
        for turns in running.values():
            turns.wait()
        for number in range(rounds):
            order = random.Random(number).sample([*VARIANTS], len(VARIANTS))
            yield {name: running[name].train(seconds) for name in order}
