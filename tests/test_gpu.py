"""What only a GPU can show: `make test-gpu`. The rest of the tests are for CPUs, and hide the GPUs that there are."""

import pytest
import torch

import cnnzoo
from cnnzoo.build import build_net
from cnnzoo.config import compose_config, options
from cnnzoo.run import train
from tests.test_resume import SMOKE, STATEFUL, Killed, Steps, kill

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def _a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_run_in_every_number_format(precision, tmp_path):
    record = train(compose_config([*SMOKE, *STATEFUL, f"trainer.precision={precision}"]), tmp_path)
    assert record["device"].startswith("cuda (")
    assert (record["status"], record["precision"]) == ("completed", precision)
    assert 0 < record["peak_bytes"] < torch.cuda.get_device_properties(0).total_memory
    net, transform, class_names = cnnzoo.load(tmp_path)  # for a CPU, wherever it was trained
    assert net(transform(torch.zeros(28, 28, dtype=torch.uint8))).shape == (1, len(class_names))


def test_a_run_that_goes_on_ends_as_one_that_was_never_stopped(tmp_path, monkeypatch):
    config = compose_config([*SMOKE, *STATEFUL])
    whole = train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        Steps(patch).at["training_step", 2, 2] = kill
        with pytest.raises(Killed):
            train(config, tmp_path / "killed")
    assert train(config, tmp_path / "killed", resume=True)["metrics"] == whole["metrics"]


@pytest.mark.parametrize("name", options("model"))
def test_a_net_says_the_same_as_on_a_cpu(name, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    net = build_net(compose_config([f"model={name}", "data.resize=96"])).eval()
    images = torch.randn(2, 1, 96, 96)
    with torch.inference_mode():
        here = net(images)
        there = net.to("cuda", memory_format=torch.channels_last)(images.to("cuda")).cpu()
    torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-3 * float(here.abs().max()))
