"""Average pooling with a gradient of its own, held against torch's."""

import copy

import pytest
import torch
from torch import nn

from cnnzoo.build import build_net
from cnnzoo.config import compose_config
from cnnzoo.training.device import speed_up
from cnnzoo.training.pooling import SpreadAvgPool2d

CPU = torch.device("cpu")
LAYOUTS = (torch.channels_last, torch.contiguous_format)


def sped_up(pool, device=CPU):
    return speed_up(nn.Sequential(pool), device)[0]


def averages_and_gradient(pool, images, layout):
    """Return the averages, and the gradient of the images; that of the averages is drawn, in torch's own layout."""
    images = images.contiguous(memory_format=layout).requires_grad_()
    averages = pool(images)
    drawn = torch.randn(averages.shape, generator=torch.Generator().manual_seed(1)).to(images.dtype)
    (gradient,) = torch.autograd.grad(averages, images, drawn)
    return averages, gradient


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(28, 28), (10, 6), (7, 8), (8, 7), (2, 2)])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_averages_and_their_gradient_are_those_of_torch_to_the_bit(dtype, size, layout):
    images = torch.randn(3, 6, *size, dtype=dtype)
    own, torchs = (averages_and_gradient(each, images, layout) for each in (sped_up(nn.AvgPool2d(2)), nn.AvgPool2d(2)))
    assert all(map(torch.equal, own, torchs))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gradient_has_the_layout_of_the_images(layout):
    images = torch.randn(3, 6, 10, 6, dtype=torch.bfloat16)
    for each in averages_and_gradient(sped_up(nn.AvgPool2d(2)), images, layout):
        assert each.is_contiguous(memory_format=layout)


def test_what_is_not_faster_is_left_to_torch():
    pool = sped_up(nn.AvgPool2d(2, stride=2))
    images = torch.randn(2, 3, 4, 4, dtype=torch.bfloat16, requires_grad=True)
    assert pool(images).grad_fn.name() == "_AverageBackward"
    assert pool(images.detach()).grad_fn is None
    for others in (images.float(), images[..., :3], images[..., :3, :], images[0]):
        assert pool(others).grad_fn.name() == "AvgPool2DBackward0"


@pytest.mark.parametrize(
    "pool",
    [
        nn.AvgPool2d(3),
        nn.AvgPool2d(2, stride=1),
        nn.AvgPool2d((2, 4)),
        nn.AvgPool2d(2, padding=1),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.AvgPool2d(2, divisor_override=3),
        nn.MaxPool2d(2),
    ],
)
def test_other_poolings_stay(pool):
    kind = type(pool)
    assert type(sped_up(pool)) is kind


def test_a_gpu_has_torchs_own():
    assert type(sped_up(nn.AvgPool2d(2), torch.device("cuda"))) is nn.AvgPool2d


@pytest.mark.parametrize("pool", [nn.AvgPool2d((2, 2), stride=2), nn.AvgPool2d([2, 2], padding=[0, 0])])
def test_pairs_and_lists_are_numbers_too(pool):
    assert type(sped_up(pool)) is SpreadAvgPool2d


@pytest.mark.parametrize("model", ["lenet", "densenet"])
def test_a_net_has_the_same_gradients(model):
    plain = build_net(compose_config([f"model={model}"])).to(memory_format=torch.channels_last)
    net = speed_up(copy.deepcopy(plain), CPU)
    assert any(isinstance(module, SpreadAvgPool2d) for module in net.modules())
    images = torch.randn(4, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    gradients = []
    for each in (plain, net):
        with torch.autocast("cpu", torch.bfloat16):
            logits = each(images)
        gradients.append(torch.autograd.grad(logits.float().square().sum(), [*each.parameters()]))
    assert all(map(torch.equal, *gradients))
