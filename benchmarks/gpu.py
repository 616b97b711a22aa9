"""What number formats, compilation and CUDA graphs give on a GPU."""

import statistics
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import Scope
from benchmarks.training import noise
from benchmarks.turns import Turns
from cnnzoo.report.tables import Column, to_markdown

VARIANTS = {
    "bf16-mixed": ("own", "trainer.precision=bf16-mixed"),
    "16-mixed": ("own", "trainer.precision=16-mixed"),
    "32-true": ("own", "trainer.precision=32-true"),
    "auto, compiled": ("own", "compile=true"),
    "limit": ("limit",),
    "limit, CUDA graphs": ("graphs",),
}


def measure(scope: Scope) -> str:
    """Return a table of images/s, medians over the rounds with their noise in brackets, or why there is none."""
    if not torch.cuda.is_available():
        return "No GPU here: number formats, compilation and CUDA graphs were not measured.\n"
    speeds: dict[tuple[str, str], list[float]] = {}
    for _ in range(scope.rounds):
        for case in scope.cases:
            for variant, (loop, *overrides) in VARIANTS.items():
                with Turns(loop, case, Path(), *overrides) as turns:
                    measured = turns.train(scope.seconds)
                speeds.setdefault((case.name, variant), []).append(measured.images_per_second)
    rows: list[dict[str, Any]] = [{"name": case.name} for case in scope.cases]
    for row in rows:
        for variant in VARIANTS:
            each = speeds[row["name"], variant]
            row[variant] = f"{statistics.median(each):,.0f} ({noise(each):.0%})"
    columns = [Column("name", "net @ px", left=True), *(Column(variant, variant) for variant in VARIANTS)]
    return to_markdown(columns, rows)
