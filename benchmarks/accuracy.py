"""Seconds from the command to a test accuracy, beside the course's own recipe and loop."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cases import ROOT, Scope
from benchmarks.course import EPOCHS
from benchmarks.loops import lay_out
from benchmarks.training import spread
from cnnzoo.record import read_record
from cnnzoo.report.tables import Column, to_markdown

RUNS = [
    "model=lenet",
    "model=lenet_bn model.activation=relu model.pooling=max trainer.max_epochs=5",
]
SEEDS = (0, 1, 2)
BARS = (0.88, 0.90)
EXPLAINED = """Seconds from the command to the end, medians over the seeds with the lowest and highest in brackets. Ours
are of whole runs, whose test set is read once, at the end, so that a threshold is reached then or not at all; the
course's loop tests after each epoch, and its accuracy is that of the last.
"""


def own(overrides: str, seed: int) -> tuple[float, float]:
    """Return the wall time of `python train.py`, start-up and test included, and the test accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", *overrides.split(), f"seed={seed}", f"hydra.run.dir={folder}/run"]
        begin = time.perf_counter()
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - begin, read_record(Path(folder) / "run")["metrics"]["test/acc"]


def course_epochs(seed: int) -> list[tuple[float, float]]:
    """Return (seconds since the command, test accuracy) of each epoch of the course's loop."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        command = [sys.executable, "-m", "benchmarks.course", folder, str(seed)]
        begin = time.perf_counter()
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            epochs = [(time.perf_counter() - begin, float(line)) for line in process.stdout]
    assert len(epochs) == EPOCHS, "the course's loop failed"
    return epochs


def measure(scope: Scope) -> str:
    """Return a table: the final test accuracy, and the seconds to each bar, or that it was not reached."""
    rounds = [[own(overrides, seed) for overrides in RUNS] for seed in SEEDS]
    rows = []
    for overrides, turns in zip(RUNS, zip(*rounds, strict=True), strict=True):
        seconds, accuracies = ([*each] for each in zip(*turns, strict=True))
        row: dict[str, Any] = {"name": f"python train.py {overrides}", "seeds": len(SEEDS), "lowest": min(accuracies)}
        row |= {"seconds": spread(seconds, "{:.0f}"), "accuracy": statistics.mean(accuracies)}
        for bar in BARS:
            reached = [second for second, accuracy in turns if accuracy >= bar]
            by = "" if len(reached) == len(SEEDS) else f", {len(reached)} of {len(SEEDS)} seeds"
            row[f"{bar}"] = f"{statistics.median(reached):.0f}{by}" if reached else "never"
        rows.append(row)
    epochs = course_epochs(SEEDS[0])
    end, accuracy = epochs[-1]
    row = {"name": "the course's loop, LeNet, 10 epochs", "seconds": f"{end:.0f}", "accuracy": accuracy}
    for bar in BARS:
        row[f"{bar}"] = next((f"{seconds:.0f}" for seconds, reached in epochs if reached >= bar), "never")
    rows.append(row | {"lowest": accuracy, "seeds": 1})
    columns = [
        Column("name", "recipe", left=True),
        Column("seeds", "seeds"),
        Column("seconds", "seconds"),
        Column("accuracy", "test acc", "{:.2%}".format),
        Column("lowest", "lowest", "{:.2%}".format),
        *(Column(f"{bar}", f"seconds to {bar:.0%}") for bar in BARS),
    ]
    return f"{to_markdown(columns, rows)}\n{EXPLAINED}"
