"""Seconds from the command to a test accuracy, beside the course's own recipe and loop."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cases import Scope
from benchmarks.course import EPOCHS
from benchmarks.loops import ROOT, lay_out
from cnnzoo.record import read_record
from cnnzoo.report.tables import Column, to_markdown

RUNS = [
    "model=lenet",
    "model=lenet data.batch_size=128 trainer.max_epochs=8",
    "model=lenet_bn model.activation=relu model.pooling=max trainer.max_epochs=5",
]
SEEDS = (0, 1, 2)
BARS = (0.88, 0.90)
EXPLAINED = """Seconds from the command to the end, means over the seeds. Ours are of whole runs, whose test set is read
once, at the end; the course's loop tests after each epoch, and its accuracy is that of the last.
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
    rows = []
    for overrides in RUNS:
        turns = [own(overrides, seed) for seed in SEEDS]
        seconds, accuracy = (statistics.mean(each) for each in zip(*turns, strict=True))
        lowest = min(reached for _, reached in turns)
        row: dict[str, Any] = {"name": f"python train.py {overrides}", "seeds": len(SEEDS), "lowest": lowest}
        row |= {"seconds": seconds, "accuracy": accuracy}
        row |= {f"{bar}": f"{seconds:.0f}" if lowest >= bar else "not by every seed" for bar in BARS}
        rows.append(row)
    epochs = course_epochs(SEEDS[0])
    row = {"name": "the course's loop, LeNet, 10 epochs", "seconds": epochs[-1][0], "accuracy": epochs[-1][1]}
    for bar in BARS:
        row[f"{bar}"] = next((f"{seconds:.0f}" for seconds, reached in epochs if reached >= bar), "never")
    rows.append(row | {"lowest": epochs[-1][1], "seeds": 1})
    columns = [
        Column("name", "recipe", left=True),
        Column("seeds", "seeds"),
        Column("seconds", "seconds", "{:.0f}".format),
        Column("accuracy", "test acc", "{:.2%}".format),
        Column("lowest", "lowest", "{:.2%}".format),
        *(Column(f"{bar}", f"seconds to {bar:.0%}") for bar in BARS),
    ]
    return f"{to_markdown(columns, rows)}\n{EXPLAINED}"
