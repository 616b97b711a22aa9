import pytest
import torch
import torchvision
from torch import nn

from cnnzoo.blocks import Residual, activation_layer, initialize
from cnnzoo.models import ResNet

ARGUMENTS = {"in_channels": 1, "num_classes": 10, "image_size": 28, "stem": "auto", "width": 1.0, "course": False}


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


def test_a_residual_is_scaled_before_it_is_added():
    inputs = torch.randn(2, 3, 4, 4)
    block = Residual(body=nn.Conv2d(3, 3, 1), scale=0.2)
    torch.testing.assert_close(block(inputs), inputs + 0.2 * block.body(inputs))


def test_zero_gamma_makes_residual_blocks_add_nothing_at_first():
    net = ResNet(**ARGUMENTS, blocks=[2, 1, 1, 1], bottleneck=True)
    initialize(net, "zero_gamma")
    inputs = torch.randn(2, 64, 8, 8)
    first, second = net.features.stage1
    assert torch.equal(first(inputs), first.shortcut(inputs).relu())
    assert torch.equal(second(first(inputs)), first(inputs))
    norms = [each.weight for each in net.modules() if isinstance(each, nn.BatchNorm2d)]
    theirs = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [2, 1, 1, 1], zero_init_residual=True)
    expected = [each.weight for each in theirs.modules() if isinstance(each, nn.BatchNorm2d)]
    assert sum(not weight.any() for weight in norms) == sum(not weight.any() for weight in expected) == 5
    assert all(weight.all() for weight in norms if weight.any())


def test_zero_gamma_draws_the_weights_of_kaiming():
    nets = [ResNet(**ARGUMENTS, blocks=[1, 1, 1, 1], bottleneck=False) for _ in range(2)]
    for net, init in zip(nets, ("kaiming", "zero_gamma"), strict=True):
        torch.manual_seed(0)
        initialize(net, init)
    assert torch.equal(
        nets[0].features.stage4.block1.body.conv2.conv.weight, nets[1].features.stage4.block1.body.conv2.conv.weight
    )


def test_zero_gamma_is_refused_where_it_would_do_nothing():
    with pytest.raises(ValueError, match=r"type model\.init=kaiming"):
        initialize(nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1)), "zero_gamma")
