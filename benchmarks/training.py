"""Training throughput of `train.py`'s own path beside other loops, and how near it comes to what the machine can do."""

import csv
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.cases import Case, Scope
from benchmarks.loops import LOOPS, PEAK, lay_out, product_side
from benchmarks.turns import Turns, in_turn
from cnnzoo.analysis.trace import trace_layers
from cnnzoo.build import build_net_without_weights
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
others) is not timed. Images per second are medians over the rounds, in each of which every loop trains for a second or
a step, while the others stand still; the noise is (highest - lowest) / median of ours.
Ratios are medians of those within a round, with the lowest and highest in brackets. GFLOP/s are ours: 6 operations for
a multiply-add of training, 4 in the first layer, whose input needs no gradient; those with the zeros around an image
count. The peak is what products of large matrices come to in a turn of their own, in the same precision. Peak memory
is after a few steps, on a CPU that of the whole process.
"""


def measure(scope: Scope) -> str:
    """Return two tables, and the geometric mean of what is gained over the course's loop.

    Net after net is trained by all loops in turn. What each round gave goes into `training.csv`.
    """
    rounds: dict[Case, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder, (scope.folder / "training.csv").open("w", newline="") as file:
        lay_out(Path(folder))
        writer = csv.DictWriter(file, ["name", "peak", *LOOPS, "peak_bytes"])
        writer.writeheader()
        for case in scope.cases:
            rounds[case] = []
            for number, measured in enumerate(side_by_side(case, Path(folder), scope.rounds, scope.seconds)):
                rounds[case].append(measured)
                writer.writerow({"name": case.name, **measured})
                file.flush()  # what has been measured stays, whenever it ends
                print(f"training: {case.name}, round {number + 1} of {scope.rounds}", file=sys.stderr)
    rows = [summary(case, each) for case, each in rounds.items()]
    mean = statistics.geometric_mean(
        statistics.median(turn["own"] / turn["course"] for turn in each) for each in rounds.values()
    )
    tables = f"{to_markdown(SPEEDS, rows)}\n{to_markdown(RATIOS, rows)}"
    return f"{tables}\nGeometric mean of cnnzoo / course: {mean:.2f}.\n\n{EXPLAINED}"


def side_by_side(case: Case, torchvision_folder: Path, rounds: int, seconds: float) -> Iterator[dict[str, float]]:
    """Yield what each round gave: images/s of every loop, the peak, and our memory."""
    loops = {loop: Turns(loop, case, torchvision_folder) for loop in (*LOOPS, PEAK)}
    for turns in in_turn(loops, rounds, seconds):
        measured = {loop: turn.images_per_second for loop, turn in turns.items()}
        measured[PEAK] *= 2 * product_side() ** 3 / case.batch_size
        yield measured | {"peak_bytes": turns["own"].peak_bytes}


def summary(case: Case, turns: list[dict[str, float]]) -> dict[str, Any]:
    """Return a case's row of both tables."""
    own = [turn["own"] for turn in turns]
    row: dict[str, Any] = {"name": case.name, "batch_size": case.batch_size}
    row |= {key: statistics.median(turn[key] for turn in turns) for key in LOOPS}
    row["peak_bytes"] = turns[-1]["peak_bytes"]
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
    net = build_net_without_weights(case.config())
    macs = [layer.macs for layer in trace_layers(net, (1, case.resize, case.resize)) if layer.macs]
    return 6 * sum(macs) - 2 * macs[0]


def spread(values: list[float], style: str) -> str:
    """Return the median of some measurements, with the lowest and the highest in brackets."""
    median, lowest, highest = (style.format(each(values)) for each in (statistics.median, min, max))
    return f"{median} ({lowest} to {highest})"
