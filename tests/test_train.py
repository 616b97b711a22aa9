"""The bars that the README promises, on the real data: make test-slow."""

import subprocess
import sys
import time

import pytest

from cnnzoo.record import read_record
from tests.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("fashion_mnist")]


def train(folder, *overrides):
    command = [sys.executable, "train.py", f"hydra.run.dir='{folder}'", *overrides]
    start = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True)
    return read_record(folder)["metrics"], time.monotonic() - start


def test_lenet_reaches_ninety_percent_in_75_seconds(tmp_path):
    metrics, seconds = train(tmp_path)
    assert metrics["test/acc"] >= 0.900
    assert seconds <= 75  # on two cores with bfloat16


def test_lenet_with_sgd_reaches_eighty_eight_percent(tmp_path):
    metrics, _ = train(tmp_path, "optimizer=sgd")
    assert metrics["test/acc"] >= 0.88


def test_the_same_command_gives_the_same_figures(tmp_path):
    first, _ = train(tmp_path / "a", "trainer.max_epochs=2")
    second, _ = train(tmp_path / "b", "trainer.max_epochs=2")
    other, _ = train(tmp_path / "c", "trainer.max_epochs=2", "seed=1")
    assert first == second
    assert first != other
