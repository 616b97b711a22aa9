import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.datasets import FashionMNIST

from cnnzoo.data import FashionMNISTDataModule, SyntheticDataModule
from cnnzoo.data.datamodule import seed_step
from cnnzoo.data.fashion_mnist import CLASS_NAMES
from cnnzoo.data.synthetic import make_synthetic
from cnnzoo.errors import UserError
from tests.conftest import ROOT

OPTIONS = {"resize": 28, "batch_size": 100, "augment": "none", "protocol": "holdout", "seed": 0}


def synthetic(**options):
    module = SyntheticDataModule(num_train=1200, num_test=300, **{**OPTIONS, **options})
    module.setup()
    return module


MISTAKES = {
    "as floats": (
        {"pixels": torch.rand(150, 1, 28, 28)},
        r"pixels are to be torch.uint8 .*got torch.float32 of shape \(150",
    ),
    "no channels": (
        {"pixels": torch.zeros(150, 28, 28, dtype=torch.uint8)},
        r"shape \(150, 1, 28, 28\) \(got .*\(150, 28, 28",
    ),
    "an array": ({"pixels": np.zeros((150, 1, 28, 28), np.uint8)}, r"pixels are to be a tensor \(got ndarray\)"),
    "too few": ({"labels": torch.zeros(149, dtype=torch.int64)}, r"labels are to be torch.int64 of shape \(150,\)"),
    "small labels": ({"labels": torch.zeros(150, dtype=torch.int32)}, r"got torch.int32 of shape \(150,\)"),
    "labels from 1": ({"labels": torch.arange(150) % 10 + 1}, r"labels are to be from 0 to 9 \(got 1 to 10\)"),
    "no class": ({"labels": torch.arange(150) % 10 - 1}, r"labels are to be from 0 to 9 \(got -1 to 8\)"),
    "other sets": ({"num_train": 100}, r"num_train is 120, and that of the images 100"),
}


@pytest.mark.parametrize(("wrong", "words"), MISTAKES.values(), ids=MISTAKES)
def test_images_that_are_not_what_their_class_says_are_refused(wrong, words, monkeypatch):
    images = replace(make_synthetic(120, 30), **wrong)
    module = SyntheticDataModule(num_train=120, num_test=30, **OPTIONS)
    monkeypatch.setattr(module, "load", lambda: images)
    with pytest.raises(UserError, match=rf"{words}.*\nlook at load\(\) of SyntheticDataModule"):
        module.setup()


def test_a_step_seeds_all_that_draw():
    def drawn(*numbers):
        seed_step(numbers, torch.device("cpu"))
        return random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002

    first, other = drawn(0, 1, 2), drawn(0, 1, 3)
    assert drawn(0, 1, 2) == first
    assert not {*first} & {*other}


def test_images_in_colour_are_said_to_be_so(monkeypatch):
    with pytest.raises(UserError, match=r"of shape \(150, 3, 28, 28\)"):
        SyntheticDataModule(num_train=120, num_test=30, channels=3, **OPTIONS).setup()


def test_a_data_set_without_test_images_is_refused_before_it_is_read():
    with pytest.raises(ValueError, match="there are no images to test with"):
        SyntheticDataModule(num_train=1200, num_test=0, **OPTIONS).check_limits({})


def pixels(loader):
    return torch.cat([images for images, _ in loader])


def test_fashion_mnist_is_what_it_should_be(fashion_mnist):
    assert fashion_mnist.pixels.shape == (70_000, 1, 28, 28)
    assert torch.bincount(fashion_mnist.labels[:60_000]).tolist() == [6000] * 10
    assert torch.bincount(fashion_mnist.labels[60_000:]).tolist() == [1000] * 10
    train = fashion_mnist.pixels[:60_000].double() / 255
    assert train.mean().item() == pytest.approx(FashionMNISTDataModule.mean, abs=5e-5)
    assert train.std().item() == pytest.approx(FashionMNISTDataModule.std, abs=5e-5)
    assert [name.lower() for name in CLASS_NAMES] == [name.lower() for name in FashionMNIST.classes]


@pytest.mark.usefixtures("fashion_mnist")
def test_the_official_sets_and_the_stratified_hold_out():
    module = FashionMNISTDataModule(root=str(ROOT / "data"), **OPTIONS)
    assert module.facts is None
    module.setup()
    facts = module.facts
    assert facts is not None
    assert {name: facts[name] for name in ("train", "val", "test")} == {"train": 55_000, "val": 5_000, "test": 10_000}
    assert len(facts["sha256"]) == 4
    assert torch.bincount(module.val_set.labels[module.val_set.indices]).tolist() == [500] * 10
    assert not set(module.val_set.indices.tolist()) & set(module.train_set.indices.tolist())
    assert module.val_set.indices.max() < 60_000
    assert module.test_set.indices.tolist() == list(range(60_000, 70_000))


@pytest.mark.parametrize("num_train", [120, 180, 245, 1200])
def test_what_is_said_of_the_hold_out_before_the_images_are_there_is_so(num_train):
    module = SyntheticDataModule(**{**OPTIONS, "num_train": num_train, "num_test": 30})
    module.setup()
    assert (len(module.val_set), len(module.train_set)) == (module.num_held_out, num_train - module.num_held_out)


def test_the_course_trains_on_everything_and_evaluates_on_the_test_set():
    module = synthetic(protocol="course")
    assert (len(module.train_set), len(module.val_set)) == (1200, 0)
    assert torch.equal(pixels(module.val_dataloader()), pixels(module.test_dataloader()))


def test_the_test_set_is_kept_apart():
    module = synthetic()
    assert len(pixels(module.test_dataloader())) == 300
    assert not torch.equal(pixels(module.val_dataloader())[:100], pixels(module.test_dataloader())[:100])


def test_the_split_does_not_depend_on_the_seed_and_the_order_does():
    first, second = synthetic(seed=0), synthetic(seed=1)
    assert torch.equal(first.val_set.indices, second.val_set.indices)
    assert not torch.equal(pixels(first.train_dataloader()), pixels(second.train_dataloader()))


def test_batches_are_bytes_until_they_are_on_the_device():
    module = synthetic(resize=96)
    batch = next(iter(module.train_dataloader()))
    assert batch[0].dtype == torch.uint8
    images, labels = module.on_after_batch_transfer(batch, 0)
    assert (images.shape, images.dtype) == ((100, 1, 96, 96), torch.float32)
    assert torch.equal(labels, batch[1])


@pytest.mark.parametrize(
    ("options", "train", "val", "test", "fault"),
    [
        ({"batch_size": 1101}, 1.0, 1.0, 1.0, "data.batch_size=1101 is too large for 1,100 training images"),
        (
            {"batch_size": 10, "num_train": 110},
            1.0,
            1.0,
            1.0,
            "110 training images are too few to hold out",
        ),
        ({"batch_size": 10, "num_train": 110, "protocol": "course"}, 1.0, 1.0, 1.0, None),
        ({"batch_size": 1200, "protocol": "course"}, 1.0, 1.0, 1.0, None),
        # Under the course's protocol, every epoch is evaluated on the test set.
        ({"protocol": "course"}, 1.0, 0.1, 1.0, "trainer.limit_val_batches=0.1 of 3 batches is none"),
        ({}, 0.09, 1.0, 1.0, "trainer.limit_train_batches=0.09 of 11 batches is none"),
        ({"batch_size": 50}, 1, 0.4, 1, "trainer.limit_val_batches=0.4 of 2 batches is none"),
        ({}, 1, 1, 1, None),
        ({"num_test": 100}, 1, 1, 0.5, "trainer.limit_test_batches=0.5 of 1 batches is none"),
    ],
)
def test_an_epoch_without_a_batch_is_refused_before_anything_is_read(options, train, val, test, fault):
    module = SyntheticDataModule(**{"num_train": 1200, "num_test": 300, **OPTIONS, **options})
    limits = {"train": train, "val": val, "test": test}
    if fault:
        with pytest.raises(ValueError, match=fault):
            module.check_limits(limits)
    else:
        module.check_limits(limits)


def test_a_smaller_synthetic_set_is_the_beginning_of_a_larger_one_and_leaves_the_other_as_it_is():
    """Or runs on more and more training images would be tested on other images each."""
    one, more = make_synthetic(510, 40), make_synthetic(1200, 700)
    for few, many in ((one.pixels, more.pixels), (one.labels, more.labels)):
        assert torch.equal(few[:510], many[:510])
        assert torch.equal(few[510:], many[1200:1240])
    assert len(one.pixels.unique(dim=0)) == 550


def test_synthetic_images_are_the_same_every_time_and_can_be_learned():
    images = make_synthetic(600, 100)
    assert torch.equal(images.pixels, make_synthetic(600, 100).pixels)
    pixels = images.pixels.flatten(1).float()
    means = torch.stack([pixels[:600][images.labels[:600] == label].mean(0) for label in range(10)])
    nearest = torch.cdist(pixels[600:], means).argmin(1)
    assert (nearest == images.labels[600:]).float().mean() > 0.6  # 0.1 by chance
