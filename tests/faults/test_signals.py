"""Signals outside of training: while saving, testing and fetching the data (RELIABILITY T08)."""

import os
import signal

import pytest
import torch

from cnnzoo.config import compose_config
from cnnzoo.data.datamodule import SyntheticDataModule
from cnnzoo.record import read_record
from cnnzoo.run import train
from cnnzoo.training.classifier import ImageClassifier
from tests.test_resume import SMOKE, STATEFUL
from tests.training.test_checkpoint_files import newest_intact

NUMBERS = [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    return train(compose_config([*SMOKE, *STATEFUL]), tmp_path_factory.mktemp("whole"))["metrics"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("moment", ["saving", "testing", "fetching"])
def test_a_signal_stops_the_run_and_it_goes_on_later(number, moment, metrics, tmp_path, monkeypatch, count):
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
