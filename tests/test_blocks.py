import pytest
import torch
from torch import nn

from cnnzoo.blocks import INITS, activation_layer, feature_shape, initialize, norm_layer, stage


def features():
    return stage(
        stem=stage(
            conv=nn.Conv2d(3, 8, 7, stride=2), norm=norm_layer("batch", 8, dims=2), act=activation_layer("relu")
        ),
        body=stage(conv=nn.Conv2d(8, 4, 3), pool=nn.MaxPool2d(2)),
    )


@pytest.mark.parametrize("size", [13, 28, 97])
def test_feature_shape_is_that_of_a_real_forward(size):
    net = features()
    assert feature_shape(net, 3, size) == tuple(net(torch.zeros(2, 3, size, size)).shape[1:])


def test_the_probe_changes_nothing():
    net = features()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    feature_shape(net, 3, 28)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@pytest.mark.parametrize(("size", "where"), [(6, "stem"), (12, "body")])
def test_an_image_that_shrinks_to_nothing_is_refused_in_words(size, where):
    with pytest.raises(ValueError, match=f"at {where}; this net needs data.resize >= 13"):
        feature_shape(features(), 3, size)


def test_a_bug_is_not_taken_for_a_small_image():
    with pytest.raises(RuntimeError, match="channel"):
        feature_shape(features(), 5, 28)


@pytest.mark.parametrize(
    ("init", "std"),
    [
        ("xavier", (2 / (200 + 300)) ** 0.5),
        ("kaiming", (2 / 200) ** 0.5),
        ("normal", 0.01),
        ("default", (1 / 600) ** 0.5),
    ],
)
def test_init_schemes_draw_with_the_published_deviation(init, std):
    net = nn.Sequential(nn.Linear(200, 300), nn.BatchNorm1d(300))
    initialize(net, init)
    assert net[0].weight.std().item() == pytest.approx(std, rel=0.03)
    assert net[1].weight.unique().tolist() == [1]
    assert (net[0].bias.abs().max().item() == 0) == (init != "default")


@pytest.mark.parametrize("call", [lambda: initialize(nn.Linear(1, 1), "he"), lambda: activation_layer("gelu")])
def test_an_unknown_name_is_answered_with_all_names(call):
    with pytest.raises(ValueError, match=r"must be one of .*, .* \(got"):
        call()


def test_inits_are_the_four_that_the_configuration_names():
    assert set(INITS) == {"default", "xavier", "kaiming", "normal"}
