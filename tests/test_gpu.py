"""What only a GPU can show: `make test-gpu`. The rest of the tests are for CPUs, and hide the GPUs that there are."""

import os
import signal
import subprocess
import sys

import pytest
import torch

import cnnzoo
from cnnzoo.build import build_net
from cnnzoo.choices import options
from cnnzoo.config import compose_config
from cnnzoo.data.augment import AUGMENTATIONS
from cnnzoo.data.transform import BatchTransform, resize
from cnnzoo.errors import RunEnded
from cnnzoo.record import read_record
from cnnzoo.run import train
from tests.conftest import ROOT
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


@pytest.mark.parametrize("model", ["lenet_bn", "alexnet", "googlenet_bn", "densenet"])
def test_the_same_seed_gives_the_same_figures(model, tmp_path):
    config = compose_config([*SMOKE, f"model={model}", "data.augment=strong"])
    first, second = (train(config, tmp_path / name)["metrics"] for name in ("first", "second"))
    assert first == second


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # torch 2.11 itself
@pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores:UserWarning")  # a compiler that advises less exactness
def test_a_compiled_run(tmp_path):
    overrides = [*SMOKE, "model=lenet_bn", "trainer.precision=32-true", "trainer.max_epochs=1"]
    plain, compiled = (
        train(compose_config([*overrides, f"compile={which}"]), tmp_path / which)["metrics"]
        for which in ("false", "true")
    )
    assert compiled["train/loss"] == pytest.approx(plain["train/loss"], rel=0.05)


def test_a_run_that_diverges_is_ended(tmp_path):
    with pytest.raises(RunEnded, match="not finite any more"):
        train(compose_config([*SMOKE, "model=mlp", "optimizer=sgd", "optimizer.lr=1e30"]), tmp_path)
    assert read_record(tmp_path)["status"] == "diverged"


def test_batches_that_do_not_fit_are_computed_in_pieces(tmp_path, capsys):
    images = ["data=synthetic", "data.num_train=4800", "data.num_test=100", "data.batch_size=1024", "data.resize=224"]
    config = compose_config([*images, "model=vgg11", "model.width=0.25", "trainer.max_epochs=1", "pictures=false"])
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(4e9 / total)
    try:
        record = train(config, tmp_path)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert record["micro_batch_size"] < 1024
    assert f"going on with {record['micro_batch_size']} images at a time" in capsys.readouterr().out
    assert record["peak_bytes"] < 4e9


def test_cells_share_a_gpu(tmp_path):
    grid = ["model=mlp,lenet", "data=synthetic", "trainer=smoke", "sweep.slots=2", f"hydra.sweep.dir={tmp_path}"]
    subprocess.run([sys.executable, str(ROOT / "sweep.py"), *grid], check=True)
    records = [read_record(cell.parent) for cell in tmp_path.glob("*/run.json")]
    assert [(each["status"], each["device"][:6], each["slots"]) for each in records] == [("completed", "cuda (", 2)] * 2


@pytest.mark.parametrize("size", [28, 96, 224])
def test_images_are_resized_as_on_a_cpu(size, fashion_mnist):
    images = fashion_mnist.pixels[:100]
    there = resize(images.to("cuda").float(), size).cpu()
    assert (there - resize(images, size).float()).abs().max() <= 1.001  # a byte is rounded


@pytest.mark.parametrize("augment", AUGMENTATIONS)
def test_images_are_augmented_on_the_gpu(augment, fashion_mnist):
    transform = BatchTransform(resize=28, mean=0.286, std=0.353, augment=augment)
    images = fashion_mnist.pixels[:2000]
    changed = transform(images.to("cuda"), training=True)
    assert changed.device.type == "cuda"
    plain = transform(images, training=False)
    assert torch.equal(changed.cpu(), plain) == (augment == "none")
    assert float(changed.mean()) == pytest.approx(float(plain.mean()), abs=0.2)  # noise is brighter


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(("stop", "ended"), [(kill, Killed), (terminate, SystemExit)])
def test_a_run_that_goes_on_ends_as_one_that_was_never_stopped(stop, ended, tmp_path, monkeypatch):
    config = compose_config([*SMOKE, *STATEFUL])
    whole = train(config, tmp_path / "whole")
    with monkeypatch.context() as patch:
        Steps(patch).at["training_step", 2, 2] = stop
        with pytest.raises(ended):
            train(config, tmp_path / "stopped")
    assert train(config, tmp_path / "stopped", resume=True)["metrics"] == whole["metrics"]


@pytest.mark.parametrize("name", options("model"))
def test_a_net_says_the_same_as_on_a_cpu(name, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    config = compose_config([f"model={name}", "data.resize=96", "model.init=kaiming"])  # no block adds nothing
    net = build_net(config).eval()
    images = torch.randn(2, 1, 96, 96)
    with torch.inference_mode():
        here = net(images)
        there = net.to("cuda", memory_format=torch.channels_last)(images.to("cuda")).cpu()
    torch.testing.assert_close(there, here, rtol=1e-3, atol=1e-3 * float(here.abs().max()))
