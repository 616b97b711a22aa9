"""What a cell of a sweep costs beyond its training, and whether the driver stays as it is over many cells.

python -m benchmarks.sweep_cells 50
"""

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from cnnzoo.record import read_record

ROOT = Path(__file__).parents[1]
ONE_STEP = ["model=mlp", "data=synthetic", "data.num_train=600", "data.num_test=100", "trainer=smoke"]
ONE_STEP += [f"trainer.{key}=1" for key in ("max_epochs", "limit_train_batches", "limit_val_batches")]


@dataclass(frozen=True)
class Measured:
    """What was seen when so many cells of one step were run.

    Attributes:
        ends: seconds from the command to the end of each cell.
        totals: seconds that each cell says it took, from its first check to its record.
        memory: bytes of the driver, after each cell.
        files: open file descriptors of the driver, after each cell.
    """

    ends: list[float]
    totals: list[float]
    memory: list[int]
    files: list[int]

    @property
    def overhead(self) -> float:
        """Seconds a cell after the first, beyond what it says it took."""
        return (self.ends[-1] - self.ends[0] - sum(self.totals[1:])) / (len(self.ends) - 1)


def measure(cells: int) -> Measured:
    """Run a sweep of so many cells of one step, and watch it."""
    ends, memory, files = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "sweep.py"), *ONE_STEP, f"seed=range(0,{cells})", "sweep.name=cells"]
        begin = time.monotonic()
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            proc = Path("/proc") / str(process.pid)
            for line in process.stdout:
                if line.partition("/")[0].isdigit():  # 3/50  mlp-28-adamw-s2-...
                    ends.append(time.monotonic() - begin)
                    status = (proc / "status").read_text().split("VmRSS:")[1]
                    memory.append(int(status.split()[0]) * 1024)
                    files.append(len(list((proc / "fd").iterdir())))
        records = [read_record(path.parent) for path in Path(folder).glob("outputs/cells/*/run.json")]
    assert len(records) == len(ends) == cells, "a cell failed"
    return Measured(ends, [record["seconds"]["total"] for record in records], memory, files)


if __name__ == "__main__":
    measured = measure(int(sys.argv[1]))
    print(f"first cell after {measured.ends[0]:.1f} s, then {measured.overhead:.2f} s a cell beyond its own")
    print(f"a cell of one step takes {sum(measured.totals) / len(measured.totals):.2f} s by its own account")
    print(f"driver: {measured.memory[0] / 2**20:.0f} to {measured.memory[-1] / 2**20:.0f} MiB,", end=" ")
    print(f"{measured.files[0]} to {measured.files[-1]} open files")
