"""Training throughput of `train.py`'s own path beside other loops, and how near it comes to what the machine can do."""

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, Scope
from benchmarks.isolated import isolated
from benchmarks.loops import LOOPS, dtype_of, lay_out, run_loop
from benchmarks.peak import matrix_products
from cnnzoo.report.tables import Column, to_markdown
from cnnzoo.run import check

FLOPS_PER_MAC = 6  # of training: 2 forwards, 2 for the gradients of the weights, 2 for those of the activations
NUMBER = {"show": "{:,.0f}".format}
RATIO = {"show": "{:.2f}".format}
COLUMNS = [
    Column("name", "net @ px", left=True),
    Column("batch_size", "batch"),
    Column("own", "cnnzoo", **NUMBER),
    Column("course", "course loop", **NUMBER),
    Column("template", "template", **NUMBER),
    Column("limit", "limit", **NUMBER),
    Column("own/course", "cnnzoo / course", **RATIO),
    Column("own/template", "cnnzoo / template", **RATIO),
    Column("own/limit", "cnnzoo / limit", **RATIO),
    Column("share", "of the peak", "{:.0%}".format),
    Column("noise", "noise", "{:.0%}".format),
    Column("peak_bytes", "peak MiB", lambda value: f"{value / 2**20:,.0f}"),
]


def measure(scope: Scope) -> str:
    """Return a table, and the geometric mean of what is gained over the course's loop.

    In each round every net is trained by every loop in turn. Images per second are medians over the rounds, ratios
    medians of the ratios within a round, and the noise is (highest - lowest) / median of our own images per second.
    """
    turns: dict[Case, list[dict[str, Any]]] = {case: [] for case in scope.cases}
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        for number in range(scope.rounds):
            for case in scope.cases:
                turn: dict[str, Any] = {"peak": isolated(matrix_products, dtype_of(case.config()))}
                first = number % len(LOOPS)  # by turns, so that none always comes after the same
                for loop in [*LOOPS][first:] + [*LOOPS][:first]:
                    turn[loop] = isolated(run_loop, loop, case, scope.seconds, Path(folder))
                turns[case].append(turn)
                print(f"training: round {number + 1} of {scope.rounds}, {case.name}", file=sys.stderr)
    rows = [_summary(case, each) for case, each in turns.items()]
    mean = statistics.geometric_mean(row["own/course"] for row in rows)
    return f"{to_markdown(COLUMNS, rows)}\nGeometric mean of cnnzoo / course loop: {mean:.2f}.\n"


def _summary(case: Case, turns: list[dict[str, Any]]) -> dict[str, Any]:
    speeds = {loop: [turn[loop].images_per_second for turn in turns] for loop in LOOPS}
    own = speeds["own"]
    flops = FLOPS_PER_MAC * check(case.config()).macs
    row = {"name": case.name, "batch_size": case.batch_size}
    row |= {loop: statistics.median(values) for loop, values in speeds.items()}
    for loop in ("course", "template", "limit"):
        row[f"own/{loop}"] = statistics.median(a / b for a, b in zip(own, speeds[loop], strict=True))
    row["share"] = statistics.median(flops * a / turn["peak"] for a, turn in zip(own, turns, strict=True))
    row["noise"] = (max(own) - min(own)) / statistics.median(own)
    row["peak_bytes"] = statistics.median(turn["own"].peak_bytes for turn in turns)
    return row
