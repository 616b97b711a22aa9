import pytest
import torch
from torch import nn

from cnnzoo.models import MLP, LeNet

COURSE = {
    "channels": [6, 16],
    "kernel_size": 5,
    "hidden": [120, 84],
    "activation": "sigmoid",
    "pooling": "avg",
    "norm": "none",
    "padding": 2,
}


def lenet(**options):
    return LeNet(in_channels=1, num_classes=10, image_size=28, **{**COURSE, **options})


def assert_same(net, reference):
    """The two nets, with the same weights in the same order, give the same logits."""
    reference.load_state_dict(dict(zip(reference.state_dict(), net.state_dict().values(), strict=True)))
    x = torch.randn(3, 1, 28, 28)
    torch.testing.assert_close(net(x), reference(x), rtol=0, atol=0)


def test_lenet_is_the_course_net():
    reference = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.Sigmoid(),
        nn.AvgPool2d(2, 2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.AvgPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )
    assert_same(lenet(), reference)


def test_lenet_without_padding_and_with_max_pooling_is_the_other_course_net():
    reference = nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.Sigmoid(),
        nn.MaxPool2d(2, 2),
        nn.Conv2d(6, 16, 5),
        nn.Sigmoid(),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )
    assert_same(lenet(pooling="max", padding=0), reference)


@pytest.mark.parametrize(("padding", "flat"), [(0, 256), (2, 400)])
def test_lenet_bn_is_lenet_with_batch_norm_and_without_padding_the_course_net(padding, flat):
    reference = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=padding),
        nn.BatchNorm2d(6),
        nn.Sigmoid(),
        nn.AvgPool2d(2, 2),
        nn.Conv2d(6, 16, 5),
        nn.BatchNorm2d(16),
        nn.Sigmoid(),
        nn.AvgPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(flat, 120),
        nn.BatchNorm1d(120),
        nn.Sigmoid(),
        nn.Linear(120, 84),
        nn.BatchNorm1d(84),
        nn.Sigmoid(),
        nn.Linear(84, 10),
    )
    assert_same(lenet(norm="batch", padding=padding), reference)


def test_lenet_has_the_channels_windows_and_units_that_are_asked_for():
    reference = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2, 2),
        nn.Conv2d(8, 16, 3),
        nn.ReLU(),
        nn.AvgPool2d(2, 2),
        nn.Conv2d(16, 32, 3),
        nn.ReLU(),
        nn.AvgPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )
    assert_same(lenet(channels=[8, 16, 32], kernel_size=3, hidden=[64], padding=1, activation="relu"), reference)


def test_mlp_hidden_layers_are_as_given():
    net = MLP(in_channels=1, num_classes=10, image_size=28, hidden=[64, 32], activation="relu")
    reference = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)
    )
    assert_same(net, reference)
