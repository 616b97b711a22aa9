"""What `torch.compile` gives on this device, how long it takes, and when that pays."""

import os
import statistics
import tempfile
import time
from dataclasses import dataclass

from benchmarks.cases import Case, Scope
from benchmarks.isolated import isolated
from benchmarks.loops import bare_step, quietly
from benchmarks.stopwatch import finish_device_work
from benchmarks.training import spread
from cnnzoo.data import FashionMNISTDataModule
from cnnzoo.data.datamodule import HELD_OUT
from cnnzoo.report.tables import Column, to_markdown
from cnnzoo.training.device import check_compiler, choose_device

EPOCH = FashionMNISTDataModule.num_train * (HELD_OUT - 1) // HELD_OUT  # images
STEPS = 2  # of each net before it is timed; the first one compiles


@dataclass(frozen=True)
class Measured:
    """What was seen of one net.

    Attributes:
        seconds: that the first steps take longer where they compile.
        speeds: images/s without and with compilation, in each round.
    """

    seconds: float
    speeds: list[tuple[float, float]]


def side_by_side(case: Case, seconds: float, rounds: int) -> Measured:
    """Train a net, and the same one compiled, on one batch in memory, in turn for so many seconds each."""
    steps = [bare_step(case), bare_step(case, compile_mode="default")]

    def train(which: int, seconds: float, least: int) -> float:
        """Return the seconds a step, of `least` steps or more."""
        begin, done = time.perf_counter(), 0
        while done < least or time.perf_counter() - begin < seconds:
            steps[which]()
            done += 1
        finish_device_work()
        return (time.perf_counter() - begin) / done

    with tempfile.TemporaryDirectory() as cache, quietly():
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # what was compiled before is not used
        steps[0]()  # prepares what both use
        first = [STEPS * train(which, 0.0, STEPS) for which in (0, 1)]
        speeds = []
        for number in range(rounds):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            taken = {which: train(which, seconds, 1) for which in order}
            speeds.append((case.batch_size / taken[0], case.batch_size / taken[1]))
    return Measured(first[1] - first[0], speeds)


def measure(scope: Scope) -> str:
    """Return a table; figures are medians over the rounds, the ratio is the median of those within a round."""
    try:
        check_compiler(choose_device("auto"))
    except ValueError as error:
        return f"Not measured: {str(error).splitlines()[0]}.\n"
    rows = []
    for case in scope.cases:
        seen = isolated(side_by_side, case, scope.seconds, scope.rounds)
        plain, compiled = (statistics.median(each) for each in zip(*seen.speeds, strict=True))
        saved = EPOCH / plain - EPOCH / compiled  # seconds an epoch
        pays = f"{seen.seconds / saved:,.1f}" if saved > 0 else "never"
        ratio = spread([b / a for a, b in seen.speeds], "{:.2f}")
        row = {"name": case.name, "batch_size": case.batch_size, "plain": plain, "compiled": compiled}
        rows.append(row | {"ratio": ratio, "seconds": seen.seconds, "pays": pays})
    columns = [
        Column("name", "net @ px", left=True),
        Column("batch_size", "batch"),
        Column("plain", "as it is", "{:,.0f}".format),
        Column("compiled", "compiled", "{:,.0f}".format),
        Column("ratio", "compiled / as it is"),
        Column("seconds", "seconds to compile", "{:.0f}".format),
        Column("pays", "epochs until it pays"),
    ]
    return f"{to_markdown(columns, rows)}\nImages a second of a bare loop over one batch in memory.\n"
