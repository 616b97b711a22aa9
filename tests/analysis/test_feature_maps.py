import torch
from torch import nn

from cnnzoo.analysis.feature_maps import feature_maps, first_filters
from cnnzoo.build import build_net
from cnnzoo.config import compose_config


def test_maps_are_what_the_stages_compute_one_after_another():
    net = build_net(compose_config(["model=lenet_bn"])).train()
    images = torch.randn(3, 1, 28, 28)
    maps = feature_maps(net, images)
    assert net.training
    assert net.features.stage1[-1].training
    x, expected = images, {}
    net.eval()
    for name, stage in net.features.named_children():
        expected[name] = x = stage(x)
    assert list(maps) == list(expected)
    for name, each in maps.items():
        torch.testing.assert_close(each, expected[name])


def test_a_net_without_stages_is_taken_by_its_children():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert [each.shape[1:] for each in feature_maps(net, torch.randn(2, 1, 8, 8)).values()] == [(4, 6, 6), (4, 6, 6)]
    assert not any(module._forward_hooks for module in net.modules())


def test_the_first_filters_are_those_of_the_first_convolution():
    net = build_net(compose_config(["model=alexnet", "data.resize=96"]))
    assert torch.equal(first_filters(net), net.features.conv1[0].weight)
    assert first_filters(build_net(compose_config(["model=mlp"]))) is None
