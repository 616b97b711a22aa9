import io

import pytest
import torch

from cnnzoo.config import compose_config, options
from cnnzoo.run import build

STEPS = 100
# Share of the peak learning rate before the steps 0, 20, 50, 75 and 99.
EXPECTED = {
    "constant": (1, 1, 1, 1, 1),
    "cosine": (1, 0.9045, 0.5, 0.1464, 0.0002),  # (1 + cos(pi t / T)) / 2
    # Up from 1/25 until step 19, then half a cosine over the other 80: (1 + cos(pi (t - 19) / 80)) / 2.
    "onecycle": (0.04, 0.9996, 0.6731, 0.2061, 0),
    "step": (1, 1, 0.1, 0.01, 0.01),
}


def scheduler_of(name, *, lr=2.0):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)
    return optimizer, build(compose_config([f"scheduler={name}"]).values["scheduler"])(optimizer, total_steps=STEPS)


def test_every_schedule_has_an_expected_row():
    assert sorted(EXPECTED) == options("scheduler")


@pytest.mark.parametrize("name", EXPECTED)
def test_learning_rate_over_the_run(name):
    optimizer, scheduler = scheduler_of(name)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"] / 2.0)
        optimizer.step()
        scheduler.step()
    assert [rates[step] for step in (0, 20, 50, 75, 99)] == pytest.approx(EXPECTED[name], abs=2e-3)
    assert optimizer.param_groups[0]["momentum"] == 0.9


@pytest.mark.parametrize("name", EXPECTED)
def test_the_state_is_plain_data(name):
    file = io.BytesIO()
    torch.save(scheduler_of(name)[1].state_dict(), file)
    file.seek(0)
    torch.load(file, weights_only=True)
