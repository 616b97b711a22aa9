"""How long the commands take: to their first training step, to an answer, and what the imports alone take."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.cases import Scope
from cnnzoo.report.tables import Column, to_markdown

ROOT = Path(__file__).parents[1]
TRAIN = str(ROOT / "train.py")
FIRST_STEP = f"""
import os, runpy, sys
from torch.optim.optimizer import register_optimizer_step_post_hook
register_optimizer_step_post_hook(lambda *_: os._exit(0))
sys.path.insert(0, {str(ROOT)!r})
sys.argv = ["train.py", "data.root={ROOT / "data"}"]
runpy.run_path({TRAIN!r}, run_name="__main__")
"""
COMMANDS = {
    "import torch, lightning": ["-c", "import torch, lightning"],
    "python train.py, to the end of its first step": ["-c", FIRST_STEP],
    "python train.py --help": [TRAIN, "--help"],
    "a refusal: python train.py modle=lenet": [TRAIN, "modle=lenet"],
}
FLOOR, STEP = list(COMMANDS)[:2]


def measure(scope: Scope) -> str:
    """Return a table of seconds, and what a first step takes beyond the imports."""
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(scope.rounds):
            for name, arguments in COMMANDS.items():
                begin = time.perf_counter()
                subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, check=False)
                seconds[name].append(time.perf_counter() - begin)
    columns = [
        Column("name", "command", left=True),
        *(Column(each, each, "{:.2f}".format) for each in ("median", "lowest", "highest")),
    ]
    rows = [
        {"name": name, "median": statistics.median(each), "lowest": min(each), "highest": max(each)}
        for name, each in seconds.items()
    ]
    beyond = statistics.median(step - floor for floor, step in zip(seconds[FLOOR], seconds[STEP], strict=True))
    return f"{to_markdown(columns, rows)}\nSeconds. The first step ends {beyond:.2f} s after what the imports take.\n"
