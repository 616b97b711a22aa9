"""What number formats, kernels of any kind, compilation and CUDA graphs give on a GPU."""

import statistics
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import Scope
from benchmarks.training import noise
from benchmarks.turns import Turns, in_turn
from cnnzoo.report.tables import Column, to_markdown
from cnnzoo.training.device import check_compiler, resolve_precision

NETS = ("lenet@28", "resnet18@96")
VARIANTS = {
    "bf16-mixed": ("own", "trainer.precision=bf16-mixed"),
    "16-mixed": ("own", "trainer.precision=16-mixed"),
    "32-true": ("own", "trainer.precision=32-true"),
    "any kernels": ("own", "trainer.deterministic=false"),
    "compiled": ("own", "compile=true"),
    "limit": ("limit",),
    "limit, CUDA graphs": ("graphs",),
}
COMPILED = ("compiled", "limit, CUDA graphs")  # which need a compiler
EXPLAINED = """Images a second of `train.py`'s own path, medians over the rounds, with (highest - lowest) / median in
brackets; in the number format of `trainer.precision=auto` and with deterministic kernels where a column does not say
otherwise. The limit is a bare loop over one batch on the device.
"""


def measure(scope: Scope) -> str:
    """Return tables of images/s and of memory, or why there are none."""
    if not torch.cuda.is_available():
        return "No GPU here: number formats, kernels, compilation and CUDA graphs were not measured.\n"
    cases = [case for case in scope.cases if case.name in NETS]
    if not cases:
        return f"Only measured of {', '.join(NETS)}.\n"
    device, variants, left_out = torch.device("cuda"), VARIANTS, ""
    if resolve_precision("auto", device) != "bf16-mixed":
        variants = {name: loop for name, loop in variants.items() if name != "bf16-mixed"}
    try:
        check_compiler(device)
    except ValueError as error:
        variants = {name: loop for name, loop in variants.items() if name not in COMPILED}
        left_out = f"Without {' and '.join(COMPILED)}: {str(error).splitlines()[0]}.\n"
    speeds: list[dict[str, Any]] = []
    memory: list[dict[str, Any]] = []
    for case in cases:
        turns = {name: Turns(loop, case, Path(), *overrides) for name, (loop, *overrides) in variants.items()}
        rounds = list(in_turn(turns, scope.rounds, scope.seconds))
        row: dict[str, Any] = {"name": case.name, "batch_size": case.batch_size}
        speeds.append(dict(row))
        memory.append(dict(row))
        for variant in variants:
            each = [measured[variant].images_per_second for measured in rounds]
            speeds[-1][variant] = f"{statistics.median(each):,.0f} ({noise(each):.0%})"
            memory[-1][variant] = f"{rounds[-1][variant].peak_bytes / 2**20:,.0f}"
    columns = [Column("name", "net @ px", left=True), Column("batch_size", "batch")]
    columns += [Column(variant, variant) for variant in variants]
    speed, held = (to_markdown(columns, rows) for rows in (speeds, memory))
    return f"{speed}\n{EXPLAINED}{left_out}\nMiB held by tensors at most\n\n{held}"
