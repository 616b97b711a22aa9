"""Real processes that are killed at random moments (RELIABILITY T03)."""

import json
import random
import signal
import subprocess
import sys
import time

import pytest

from cnnzoo.record import read_history, read_record
from cnnzoo.training.saved_state import load_weights
from tests.conftest import ROOT

RUN = ["data=synthetic", "data.num_train=1200", "data.num_test=100", "trainer.max_epochs=4", "data.batch_size=50"]
RUN += ["model=vgg11", "model.width=0.0625", "model.hidden=32", "data.augment=strong", "hydra.run.dir=run"]
TIMING = ("seconds", "images_per_second", "peak_bytes")


def start(folder, *arguments):
    command = [sys.executable, str(ROOT / "train.py"), *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(folder, *arguments):
    process = start(folder, *arguments)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    return read_record(folder / "run")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the record and the weights of a run that nobody kills, and the statuses that were read while it ran."""
    folder = tmp_path_factory.mktemp("whole")
    path, seen = folder / "run" / "run.json", set()
    process = start(folder, *RUN)
    while process.poll() is None:
        if path.exists():
            seen.add(json.loads(path.read_text())["status"])
        time.sleep(0.002)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    return read_record(folder / "run"), load_weights(folder / "run" / "checkpoints" / "last.ckpt"), seen


def epochs_in(folder):
    """Return how many epochs of the run there have ended; -1 before it has begun."""
    if not (folder / "run.json").exists():
        return -1
    return len(read_history(folder))


def figures(record):
    return {key: value for key, value in record.items() if key not in (*TIMING, "started", "git", "from_step")}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("trials", [1, pytest.param(30, marks=pytest.mark.fault)])
def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_been(trials, whole, tmp_path, count):
    record, weights, _ = whole
    chance = random.Random(0)
    for trial in range(trials):
        folder = tmp_path / str(trial)
        folder.mkdir()
        process = start(folder, *RUN)
        epochs, later = chance.randrange(3), chance.random() * record["seconds"]["per_epoch"]  # of four
        while epochs_in(folder / "run") < epochs:
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(later)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert read_record(folder / "run")["status"] == "running"
        again = finish(folder, "resume=run")
        assert figures(again) == figures(record), f"killed {later:.2f} s after {epochs} epochs"
        resumed = load_weights(folder / "run" / "checkpoints" / "last.ckpt")
        assert all(bool((resumed[name] == weights[name]).all()) for name in weights)
        count("T03")


def test_a_record_that_is_being_written_is_whole(whole):
    """`run.json` is there from the first moment on, and never half."""
    assert whole[2] == {"running", "completed"}
