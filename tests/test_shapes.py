import pytest
import torch
from torch import nn

from cnnzoo.analysis.trace import trace_layers
from cnnzoo.blocks import activation_layer, norm_layer, stage
from cnnzoo.shapes import feature_shape


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


@pytest.mark.parametrize("shared", [nn.Conv2d(3, 3, 3), nn.BatchNorm2d(3), nn.Sequential(nn.Conv2d(3, 3, 3))])
def test_a_layer_under_two_names_keeps_its_weights(shared):
    """torch's `functional_call` leaves the stand-in in its place, if it is named twice."""
    net = nn.Sequential(nn.Sequential(shared, nn.ReLU(), shared), shared)
    before = {name: (id(tensor), tensor.clone()) for name, tensor in net.state_dict(keep_vars=True).items()}
    assert feature_shape(net, 3, 28)[0] == 3
    trace_layers(net, (3, 28, 28))
    for name, tensor in net.state_dict(keep_vars=True).items():
        assert (id(tensor), tensor.device.type) == (before[name][0], "cpu")
        assert torch.equal(tensor, before[name][1])


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
