"""How long the commands take: to their first training step, to an answer, and what the imports alone take."""

import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.cases import ROOT, Scope
from cnnzoo.data.files import load_files
from cnnzoo.report.tables import Column, to_markdown

FIRST_STEP = """
import os, runpy, sys
sys.path.insert(0, os.getcwd())
from cnnzoo.importing import importing_torch
with importing_torch():  # as the command does it itself
    from torch.optim.optimizer import register_optimizer_step_post_hook
register_optimizer_step_post_hook(lambda *_: os._exit(0))
sys.argv = ["train.py", "hydra.run.dir=" + sys.argv[1]]
runpy.run_path("train.py", run_name="__main__")
"""
FLOOR, STEP = "import torch, lightning", "python train.py, to the end of its first step"
COMMANDS = {  # with the exit code that each is to end with
    FLOOR: (["-c", "import os, torch, lightning; os._exit(0)"], 0),
    STEP: (["-c", FIRST_STEP], 0),
    "python train.py --help": (["train.py", "--help"], 0),
    "a refusal: python train.py modle=lenet": (["train.py", "modle=lenet"], 2),
}


def measure(scope: Scope) -> str:
    """Return a table of seconds, and what a first step takes beyond the imports."""
    load_files(ROOT / "data")  # which fetches them if need be, and is not to be timed
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for number in range(scope.rounds + 1):
        for name, (arguments, code) in COMMANDS.items():
            with tempfile.TemporaryDirectory() as folder:
                run = [f"{folder}/run"] if name == STEP else []
                begin = time.perf_counter()
                done = subprocess.run([sys.executable, *arguments, *run], cwd=ROOT, capture_output=True, check=False)
                if number:  # the first round fills the file cache
                    seconds[name].append(time.perf_counter() - begin)
            assert done.returncode == code, done.stderr.decode()
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
