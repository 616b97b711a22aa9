"""Signals outside of training: while saving, testing and fetching the data (RELIABILITY T08)."""

import os
import signal
import subprocess
import sys
import time
from itertools import product

import pytest
import torch

from cnnzoo.data import SyntheticDataModule
from cnnzoo.record import read_record
from cnnzoo.run import train
from cnnzoo.training.classifier import ImageClassifier
from tests.composed import compose_config
from tests.conftest import ROOT
from tests.test_resume import SMOKE, STATEFUL
from tests.training.test_checkpoint_files import newest_intact

SMALL = ["data=synthetic", "trainer=smoke", "pictures=false"]
NUMBERS = [signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT]
MOMENTS = ["saving", "testing", "fetching"]
ALWAYS = [*product(MOMENTS, [signal.SIGTERM]), *zip(MOMENTS, NUMBERS[1:], strict=True)]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    return train(compose_config([*SMOKE, *STATEFUL]), tmp_path_factory.mktemp("whole"))["metrics"]


@pytest.mark.parametrize(
    ("moment", "number"),
    [pytest.param(*each, marks=[] if each in ALWAYS else pytest.mark.fault) for each in product(MOMENTS, NUMBERS)],
)
def test_a_signal_stops_the_run_and_it_goes_on_later(moment, number, metrics, tmp_path, monkeypatch, count):
    sent = []

    def interrupted(function):
        def call(*arguments, **options):
            if not sent:
                sent.append(number)
                os.kill(os.getpid(), number)
            return function(*arguments, **options)

        return call

    owner, name = {
        "saving": (torch, "save"),
        "testing": (ImageClassifier, "test_step"),
        "fetching": (SyntheticDataModule, "load"),
    }[moment]
    monkeypatch.setattr(owner, name, interrupted(getattr(owner, name)))
    config = compose_config([*SMOKE, *STATEFUL])
    with pytest.raises(SystemExit) as stopped:
        train(config, tmp_path)
    assert stopped.value.code == (130 if number == signal.SIGINT else 143)
    assert read_record(tmp_path)["status"] == "preempted"
    if moment != "fetching":
        newest, notes = newest_intact(tmp_path / "checkpoints")
        assert newest is not None
        assert notes == []
    assert train(config, tmp_path, resume=True)["metrics"] == metrics
    count("T08")


def test_ctrl_c_that_also_ends_who_reads_the_output_saves_and_stops(tmp_path, count):
    """As in `python train.py 2>&1 | tee log`."""
    command = [sys.executable, str(ROOT / "train.py"), *SMALL, "hydra.run.dir=run", "trainer.max_epochs=5000"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        while b"epoch  " not in run.stdout.readline():
            pass
        run.stdout.close()
        run.send_signal(signal.SIGINT)
    assert read_record(tmp_path / "run")["status"] == "preempted"
    assert run.returncode == 130
    count("T08")


TERMINAL = """
import os, pty, select, signal, sys
child, terminal = pty.fork()
if not child:
    if sys.argv[1] == "disowned":
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
while sys.stdin not in select.select([terminal, sys.stdin], [], [])[0]:  # until it is told to close
    os.read(terminal, 2**16)
os.close(terminal)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
COMMANDS = {
    "run": ["train.py", *SMALL, "hydra.run.dir=lenet"],
    "sweep": ["sweep.py", *SMALL, "model=lenet,mlp", "sweep.slots=2", "hydra.sweep.dir=."],
}


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("sweep", "plain"),
        ("run", "disowned"),
        pytest.param("sweep", "disowned", marks=pytest.mark.fault),
        pytest.param("run", "plain", marks=pytest.mark.fault),
    ],
)
def test_a_closed_terminal_saves_and_stops_what_it_began_but_not_what_was_disowned(kind, how, tmp_path, count):
    program, *overrides = COMMANDS[kind]
    epochs = {"plain": 5000, "disowned": 20}[how]
    command = [sys.executable, "-c", TERMINAL, how, str(ROOT / program), *overrides, f"trainer.max_epochs={epochs}"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE) as terminal:
        runs = {"run": 1, "sweep": 2}[kind]
        while sum(len(path.read_text().splitlines()) > 3 for path in tmp_path.glob("*/metrics.csv")) < runs:
            time.sleep(0.05)
        terminal.communicate(b"close")
    records = [read_record(path.parent) for path in tmp_path.glob("*/run.json")]
    assert [record["status"] for record in records] == [{"plain": "preempted", "disowned": "completed"}[how]] * runs
    assert all(3 <= record["epochs"] <= epochs for record in records)
    assert terminal.returncode == {"plain": 143, "disowned": 0}[how]
    count("T08")
