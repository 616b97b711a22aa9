import io

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from cnnzoo.build import build
from cnnzoo.choices import options
from cnnzoo.record import read_history
from cnnzoo.run import train
from tests.composed import compose_config

STEPS = 100
# Share of the learning rate before the steps 0, 4, 20, 50, 75 and 99; all warm up along half a cosine.
EXPECTED = {
    "constant": (0.04, 0.9083, 1, 1, 1, 1),
    # (1 + cos(pi (t - w) / (1 - w))) / 2 behind a warm-up of w = 0.05 or 0.2 that begins at 1/25
    "cosine": (0.04, 0.9083, 0.9397, 0.5413, 0.1614, 0.0003),
    "onecycle": (0.04, 0.1317, 1, 0.6913, 0.2222, 0.0004),
    "step": (0.04, 0.9083, 1, 0.1, 0.01, 0.01),
}


def test_every_schedule_has_an_expected_row():
    assert sorted(EXPECTED) == options("scheduler")


@pytest.mark.parametrize("total_steps", range(1, 12))
@pytest.mark.parametrize("name", EXPECTED)
def test_a_run_of_any_length_has_a_schedule(name, total_steps):
    optimizer, scheduler = scheduler_of(name, total_steps=total_steps)
    for _ in range(total_steps):
        assert 0 < optimizer.param_groups[0]["lr"] <= 2.0
        optimizer.step()
        scheduler.step()


def scheduler_of(name, *, lr=2.0, total_steps=STEPS):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    return optimizer, build(compose_config([f"scheduler={name}"]).values["scheduler"])(
        optimizer, total_steps=total_steps
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_learning_rate_over_the_run(name):
    optimizer, scheduler = scheduler_of(name)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"] / 2.0)
        optimizer.step()
        scheduler.step()
    assert [rates[step] for step in (0, 4, 20, 50, 75, 99)] == pytest.approx(EXPECTED[name], abs=2e-3)
    assert optimizer.param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize("name", EXPECTED)
def test_the_state_is_plain_data(name):
    file = io.BytesIO()
    torch.save(scheduler_of(name)[1].state_dict(), file)
    file.seek(0)
    torch.load(file, weights_only=True)


@pytest.mark.parametrize("name", ["step", "onecycle"])
def test_the_rate_of_an_epoch_is_that_of_its_last_step(name, tmp_path):
    """And not that of the next one: accuracy would seem to fall before the rate does."""
    used = []
    handle = register_optimizer_step_pre_hook(lambda optimizer, *_: used.append(optimizer.param_groups[0]["lr"]))
    changed = [f"scheduler={name}", "trainer.max_epochs=4", "trainer.limit_train_batches=8"]
    try:
        train(compose_config(["data=synthetic", "trainer=smoke", "model=mlp", "pictures=false", *changed]), tmp_path)
    finally:
        handle.remove()
    assert [row["lr"] for row in read_history(tmp_path)] == [used[step] for step in (7, 15, 23, 31)]
    assert len(set(used)) > 2
