"""How long a report of many runs takes."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.cases import Scope
from benchmarks.isolated import isolated
from benchmarks.loops import quietly
from cnnzoo.config import compose_config
from cnnzoo.record import FILE_NAME, HISTORY
from cnnzoo.run import train

RUNS, SEEDS = 1000, 50
RUN = ["model=mlp", "data=synthetic", "trainer=smoke", "pictures=false"]


def one_run(folder: Path) -> None:
    """Train something short, so that there is a record to copy."""
    with quietly():
        train(compose_config(RUN), folder)


def measure(scope: Scope) -> str:
    """Return a sentence with the median of the wall times of `python -m cnnzoo report`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        isolated(one_run, folder / "first")
        record = json.loads((folder / "first" / FILE_NAME).read_text())
        history = (folder / "first" / HISTORY).read_bytes()
        for number in range(RUNS):
            run = folder / "runs" / str(number)
            run.mkdir(parents=True)
            seed, batch_size = number % SEEDS, number // SEEDS + 1
            record["seed"] = record["config"]["seed"] = seed
            record["config"]["data"]["batch_size"] = batch_size
            record["changed"]["data.batch_size"] = batch_size
            (run / FILE_NAME).write_text(json.dumps(record))
            (run / HISTORY).write_bytes(history)
        seconds = []
        for _ in range(scope.rounds):
            begin = time.perf_counter()
            command = [sys.executable, "-m", "cnnzoo", "report", str(folder / "runs")]
            subprocess.run(command, capture_output=True, check=True)
            seconds.append(time.perf_counter() - begin)
    return (
        f"A report of {RUNS:,} runs in {RUNS // SEEDS} rows takes {statistics.median(seconds):.2f} s, "
        f"start-up included ({min(seconds):.2f} to {max(seconds):.2f} s).\n"
    )
