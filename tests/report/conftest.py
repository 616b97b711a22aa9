"""Runs of the course's questions."""

import pytest

from tests.report.runs import write_run

Q1 = ({"px": 224}, {"px": 224, "model.hidden": 512, "params": 9_000}, {"px": 96, "acc": 0.8, "trainer.max_epochs": 30})
Q2 = ({"px": 224}, {"px": 96, "params": 20_000}, {"px": 28, "params": 10_000})
Q3 = ({"model": "googlenet"}, {"model": "googlenet_bn", "acc": 0.93}, {"model": "alexnet", "params": 90_000})
QUESTIONS = {
    "alexnet_simplified": [{"model": "alexnet"} | run for run in Q1],
    "vgg_resolution": [{"model": "vgg11"} | run for run in Q2],
    "inception_ladder": Q3,
}


@pytest.fixture(params=QUESTIONS)
def question(request, tmp_path):
    """A folder with two seeds of the runs of a question."""
    for number, run in enumerate(QUESTIONS[request.param]):
        for seed in (0, 1):
            more = {"acc": 0.9} | run
            more["acc"] += seed / 100
            write_run(tmp_path / f"{number}-{seed}", experiment=request.param, seed=seed, **more)
    return tmp_path
