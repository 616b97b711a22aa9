"""What a cell of a sweep costs beyond its training, and whether the driver stays as it is over many cells."""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cases import ROOT, Scope
from cnnzoo.record import read_record

CELLS = 4  # a round
ONE_STEP = ["model=mlp", "data=synthetic", "data.num_train=600", "data.num_test=100", "trainer=smoke"]
ONE_STEP += [f"trainer.{key}=1" for key in ("max_epochs", "limit_train_batches", "limit_val_batches")]


@dataclass(frozen=True)
class Measured:
    """What was seen when so many cells of one step were run.

    Attributes:
        ends: seconds from the command to the end of each cell.
        totals: seconds that each cell says it took, from its first check to its record.
        memory: bytes of the driver, after each cell; empty where there is no `/proc`.
        files: open file descriptors of the driver, likewise.
    """

    ends: list[float]
    totals: list[float]
    memory: list[int]
    files: list[int]

    @property
    def overhead(self) -> float:
        """Seconds a cell after the first, beyond what it says it took."""
        return (self.ends[-1] - self.ends[0] - sum(self.totals[1:])) / (len(self.ends) - 1)


def watch(cells: int) -> Measured:
    """Run a sweep of so many cells of one step, and watch it."""
    ends, memory, files = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            str(ROOT / "sweep.py"),
            *ONE_STEP,
            f"seed=range(0,{cells})",
            "sweep.slots=1",
            "sweep.name=cells",
        ]
        begin = time.monotonic()
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            proc = Path("/proc") / str(process.pid)
            for line in process.stdout:
                if line.partition("/")[0].isdigit():  # 3/50  mlp-28-adamw-s2-...
                    ends.append(time.monotonic() - begin)
                    if proc.exists():
                        status = (proc / "status").read_text().split("VmRSS:")[1]
                        memory.append(int(status.split()[0]) * 1024)
                        files.append(len(list((proc / "fd").iterdir())))
        records = [read_record(path.parent) for path in Path(folder).glob("outputs/cells/*/run.json")]
        records.sort(key=lambda record: record["seed"])
    assert len(records) == len(ends) == cells, "a cell failed"
    return Measured(ends, [record["seconds"]["total"] for record in records], memory, files)


def measure(scope: Scope) -> str:
    """Return in words what was seen."""
    cells = CELLS * scope.rounds
    seen = watch(cells)
    driver = ""
    if seen.memory:
        first, last = (f"{seen.memory[n] / 2**20:.0f} MiB and {seen.files[n]} open files" for n in (0, -1))
        driver = f" The driver takes {first} after the first cell, {last} after the last."
    each = (seen.ends[-1] - seen.ends[0]) / (cells - 1)
    return (
        f"{cells} cells of one step: the first ends after {seen.ends[0]:.1f} s, then each takes {each:.2f} s in all: "
        f"{each - seen.overhead:.2f} s by its own account (net, data, one step, validation, test, checkpoints) and "
        f"{seen.overhead:.2f} s beyond it (process, hand-over, summary).{driver}\n"
    )
