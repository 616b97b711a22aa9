"""Training throughput of `train.py`'s own path beside other loops, and how near it comes to what the machine can do."""

import csv
import random
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import Case, Scope
from benchmarks.isolated import isolated
from benchmarks.loops import LOOPS, dtype_of, lay_out, run_loop
from benchmarks.peak import matrix_products
from cnnzoo.analysis.trace import trace_layers
from cnnzoo.build import build_net
from cnnzoo.report.tables import Column, to_markdown

SPEEDS = [
    Column("name", "net @ px", left=True),
    Column("batch_size", "batch"),
    Column("own", "cnnzoo", "{:,.0f}".format),
    Column("noise", "noise", "{:.0%}".format),
    Column("course", "course loop", "{:,.0f}".format),
    Column("template", "template", "{:,.0f}".format),
    Column("limit", "limit", "{:,.0f}".format),
]
RATIOS = [
    Column("name", "net @ px", left=True),
    *(Column(f"own/{loop}", f"cnnzoo / {loop}") for loop in ("course", "template", "limit")),
    Column("flops", "GFLOP/s", lambda value: f"{value / 1e9:,.0f}"),
    Column("share", "of the peak"),
    Column("peak_bytes", "peak MiB", lambda value: f"{value / 2**20:,.0f}"),
]
EXPLAINED = """Of steps alone: what lies between epochs (validation and checkpoints in ours, the start of workers in the
others) is not timed. Images per second are medians over the rounds; the noise is (highest - lowest) / median of ours.
Ratios are medians of those within a round, with the lowest and highest in brackets. GFLOP/s are ours: 6 operations for
a multiply-add of training, 4 in the first layer, whose input needs no gradient. The peak is the fastest of 5 products
of large matrices in the same round and precision. Peak memory is after a few steps, on a CPU that of the whole process.
"""


def measure(scope: Scope) -> str:
    """Return two tables, and the geometric mean of what is gained over the course's loop.

    In each round every net is trained by every loop in turn. What each turn gave goes into `training.csv`.
    """
    turns: dict[Case, list[dict[str, float]]] = {case: [] for case in scope.cases}
    with tempfile.TemporaryDirectory() as folder, (scope.folder / "training.csv").open("w", newline="") as file:
        lay_out(Path(folder))
        writer = csv.DictWriter(file, ["name", "peak", *LOOPS, "peak_bytes"])
        writer.writeheader()
        for number in range(scope.rounds):
            for case in scope.cases:
                turn = {"peak": isolated(matrix_products, dtype_of(case.config()))}
                for loop in random.Random(number).sample([*LOOPS], len(LOOPS)):  # none always after the same
                    measured = isolated(run_loop, loop, case, scope.seconds, Path(folder))
                    turn[loop] = measured.images_per_second
                    if loop == "own":
                        turn["peak_bytes"] = measured.peak_bytes
                turns[case].append(turn)
                writer.writerow({"name": case.name, **turn})
                file.flush()  # what has been measured stays, whenever it ends
                print(f"training: round {number + 1} of {scope.rounds}, {case.name}", file=sys.stderr)
    rows = [summary(case, each) for case, each in turns.items()]
    mean = statistics.geometric_mean(
        statistics.median(turn["own"] / turn["course"] for turn in each) for each in turns.values()
    )
    tables = f"{to_markdown(SPEEDS, rows)}\n{to_markdown(RATIOS, rows)}"
    return f"{tables}\nGeometric mean of cnnzoo / course: {mean:.2f}.\n\n{EXPLAINED}"


def summary(case: Case, turns: list[dict[str, float]]) -> dict[str, Any]:
    """Return a case's row of both tables."""
    own = [turn["own"] for turn in turns]
    row: dict[str, Any] = {"name": case.name, "batch_size": case.batch_size}
    row |= {key: statistics.median(turn[key] for turn in turns) for key in (*LOOPS, "peak_bytes")}
    row["noise"] = noise(own)
    for loop in ("course", "template", "limit"):
        row[f"own/{loop}"] = spread([turn["own"] / turn[loop] for turn in turns], "{:.2f}")
    flops = training_flops(case)
    row["flops"] = flops * row["own"]
    row["share"] = spread([flops * turn["own"] / turn["peak"] for turn in turns], "{:.0%}")
    return row


def noise(values: list[float]) -> float:
    """Return how far apart the lowest and the highest of some measurements are, as a share of their median."""
    return (max(values) - min(values)) / statistics.median(values)


def training_flops(case: Case) -> int:
    """Return the floating-point operations that products take in training with one image."""
    with torch.device("meta"):
        net = build_net(case.config())
    macs = [layer.macs for layer in trace_layers(net, (1, case.resize, case.resize)) if layer.macs]
    return 6 * sum(macs) - 2 * macs[0]


def spread(values: list[float], style: str) -> str:
    """Return the median of some measurements, with the lowest and the highest in brackets."""
    median, lowest, highest = (style.format(each(values)) for each in (statistics.median, min, max))
    return f"{median} ({lowest} to {highest})"
