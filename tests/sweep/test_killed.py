"""A sweep that is killed at random moments ends as one that was left alone (RELIABILITY T12, on the real data)."""

import csv
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT

GRID = [
    "model=lenet,lenet_bn,mlp",
    "data.resize=28,32",
    "seed=0,1",
    "trainer=smoke",
    f"data.root={ROOT / 'data'}",
]
TIMING = ("seconds_per_epoch", "images_per_second", "peak_bytes")
TRIALS = int(os.environ.get("CNNZOO_TRIALS", "20"))

pytestmark = [pytest.mark.fault, pytest.mark.timeout(900)]


def start(folder):
    command = [sys.executable, str(ROOT / "sweep.py"), *GRID, "sweep.name=grid"]
    with (folder / "sweep.log").open("a") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def figures(folder):
    with (folder / "outputs" / "grid" / "summary.csv").open(newline="") as file:
        return [{key: value for key, value in row.items() if key not in TIMING} for row in csv.DictReader(file)]


def completed(folder):
    records = (folder / "outputs" / "grid").glob("*/run.json")
    return {path: path.stat().st_mtime_ns for path in records if '"status": "completed"' in path.read_text()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, fashion_mnist):
    folder = tmp_path_factory.mktemp("undisturbed")
    begin = time.monotonic()
    assert start(folder).wait() == 0
    return figures(folder), time.monotonic() - begin


@pytest.mark.parametrize("trial", range(TRIALS))
def test_a_killed_sweep_is_completed_by_the_same_command(trial, undisturbed, tmp_path, count):
    expected, seconds = undisturbed
    chance = random.Random(trial)
    moment, whole_group = chance.uniform(0.1, 0.95) * seconds, trial % 2 == 0
    print(f"trial {trial}: killed after {moment:.1f} s, {'the whole group' if whole_group else 'the driver alone'}")
    process = start(tmp_path)
    time.sleep(moment)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    before = completed(tmp_path) if (tmp_path / "outputs" / "grid").exists() else {}
    assert start(tmp_path).wait() == 0
    after = completed(tmp_path)
    assert figures(tmp_path) == expected
    assert len(after) == 12
    assert {path: after[path] for path in before} == before  # no completed cell was run again
    count("T12")
