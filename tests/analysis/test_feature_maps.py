from itertools import pairwise

import pytest
import torch
from torch import nn

from cnnzoo.analysis.feature_maps import feature_maps, first_filters
from cnnzoo.build import build_net
from tests.composed import compose_config


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


def test_features_that_are_no_module_are_none():
    net = nn.Sequential(nn.Conv2d(1, 4, 3))
    net.features = 16
    assert list(feature_maps(net, torch.randn(2, 1, 8, 8))) == ["0"]
    assert torch.equal(first_filters(net), net[0].weight)
    first_filters(net).zero_()  # as a drawing that scales them does
    assert net[0].weight.any()


def test_a_net_without_stages_is_taken_by_its_children():
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert [each.shape[1:] for each in feature_maps(net, torch.randn(2, 1, 8, 8)).values()] == [(4, 6, 6), (4, 6, 6)]
    assert not any(module._forward_hooks for module in net.modules())


def test_a_layer_that_works_in_place_leaves_the_maps_before_it_alone():
    maps = feature_maps(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True)), torch.randn(2, 1, 8, 8))
    assert maps["0"].min() < 0 == maps["1"].min()


def test_every_stage_of_nin_changes_the_maps():
    maps = list(feature_maps(build_net(compose_config(["model=nin"])), torch.randn(1, 1, 28, 28)).values())
    assert len(maps) == 7
    assert not any(torch.equal(before, after) for before, after in pairwise(maps))


@pytest.mark.parametrize(
    "overrides", [["model=alexnet", "data.resize=96"], ["model=googlenet", "model.aux_heads=true"]]
)
def test_the_first_filters_are_those_of_the_first_convolution(overrides):
    net = build_net(compose_config(overrides))
    assert torch.equal(first_filters(net), net.features.conv1[0].weight)
    assert first_filters(build_net(compose_config(["model=mlp"]))) is None
