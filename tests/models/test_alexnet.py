import pytest
import torch

from cnnzoo.build import build
from tests.composed import compose_config


def alexnet(*overrides):
    with torch.device("meta"):
        return build(compose_config(["model=alexnet", "data.resize=96", *overrides]).net_arguments)


def names(net):
    return [name for name, _ in net.features.named_children()]


def test_the_last_convolutions_can_be_left_out():
    assert names(alexnet("model.num_convs=3")) == ["conv1", "pool1", "conv2", "pool2", "conv3", "pool5"]
    assert names(alexnet()) == ["conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5"]
    for num_convs in (2, 6):
        with pytest.raises(ValueError, match="num_convs must be 3 to 5"):
            alexnet(f"model.num_convs={num_convs}")


def test_global_pooling_makes_the_dense_layers_independent_of_the_size():
    for size, seen in ((96, 256), (224, 256)):
        net = alexnet("model.global_pool=true", f"data.resize={size}")
        assert net.head.dense1.linear.in_features == seen
        assert net(torch.empty(2, 1, size, size, device="meta")).shape == (2, 10)
    assert alexnet("data.resize=224").head.dense1.linear.in_features == 256 * 5 * 5


def test_dense_layers_can_be_fewer_and_the_net_narrower():
    assert "dense1" not in dict(alexnet("model.num_hidden=0").head.named_children())
    half = alexnet("model.width=0.5", "model.num_hidden=1", "model.hidden=100")
    assert [half.features.conv1.conv.out_channels, half.features.conv2.conv.out_channels] == [48, 128]
    assert half.head.output.in_features == 100
