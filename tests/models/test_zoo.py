"""What holds for every net of the zoo: each file in conf/model is tested without being named here, but for one row."""

import pytest
import torch
from torch import nn

from cnnzoo.analysis.cost import count_macs, count_parameters
from cnnzoo.config import compose_config, options
from cnnzoo.run import build_net

NETS = options("model")
SIZES = (28, 96, 224)

# (parameters, multiply-adds) at 28 px, 1 channel, 10 classes.
EXPECTED = {
    # d2l 5.2: 784 * 256 + 256 + 256 * 10 + 10
    "mlp": (203_530, 203_264),
    # d2l 7.6; multiply-adds by layer: 117,600 + 240,000 + 48,000 + 10,080 + 840
    "lenet": (61_706, 416_520),
    # the above and two parameters for each of 6 + 16 + 120 + 84 normalised channels
    "lenet_bn": (62_158, 416_520),
}
# What makes a narrow instance of a net, where its tests would be slow otherwise.
NARROW: dict[str, list[str]] = {}


def net_of(name, size=28, *, device="meta", narrow=False):
    config = compose_config([f"model={name}", f"data.resize={size}", *(NARROW.get(name, []) if narrow else [])])
    torch.manual_seed(0)
    with torch.device(device):
        return build_net(config)


def images(size=28):
    return torch.randn(4, 1, size, size)


def test_every_net_has_an_expected_row():
    assert sorted(EXPECTED) == NETS


@pytest.mark.parametrize("name", NETS)
def test_parameters_and_multiply_adds(name):
    net = net_of(name).eval()
    assert (count_parameters(net), count_macs(net, (1, 28, 28))) == EXPECTED[name]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETS)
def test_logits_at_every_size_of_the_grid(name, size):
    assert net_of(name, size)(torch.empty(2, 1, size, size, device="meta")).shape == (2, 10)


@pytest.mark.parametrize("name", NETS)
def test_min_size_is_the_smallest_that_works(name):
    smallest = compose_config([f"model={name}"]).values["model"]["min_size"]
    net_of(name, smallest)(torch.empty(2, 1, smallest, smallest, device="meta"))
    if smallest > 1:
        with pytest.raises(ValueError, match=f">= {smallest}"):
            net_of(name, smallest - 1)


@pytest.mark.parametrize("name", NETS)
def test_every_parameter_gets_a_finite_gradient(name):
    net = net_of(name, device="cpu", narrow=True)
    nn.functional.cross_entropy(net(images()), torch.arange(4)).backward()
    gradients = {key: parameter.grad for key, parameter in net.named_parameters()}
    # A bias before a batch norm is subtracted again: its gradient is zero but for rounding.
    assert [key for key, grad in gradients.items() if grad is None or not grad.isfinite().all()] == []
    assert [key for key, grad in gradients.items() if not grad.abs().sum() > 0] == []


@pytest.mark.parametrize("name", NETS)
def test_bfloat16_is_finite(name):
    with torch.autocast("cpu", torch.bfloat16):
        assert net_of(name, device="cpu", narrow=True)(images()).isfinite().all()


@pytest.mark.parametrize("name", NETS)
def test_a_state_dict_carries_the_whole_net(name):
    net, other = (net_of(name, device="cpu", narrow=True) for _ in range(2))
    net(images())  # moves running statistics, where there are any
    other.load_state_dict(net.state_dict())
    x = images()
    first, again, loaded = net.eval()(x), net(x), other.eval()(x)
    assert torch.equal(first, again)
    assert torch.equal(first, loaded)


@pytest.mark.parametrize("name", NETS)
def test_hooks_see_every_operation_once(name):
    net = net_of(name, device="cpu", narrow=True)
    assert [key for key, module in net.named_modules() if getattr(module, "inplace", False)] == []
    calls: dict[str, int] = {}
    for key, module in net.named_modules():
        module.register_forward_hook(lambda *_, key=key: calls.__setitem__(key, calls.get(key, 0) + 1))
    net(images())
    assert {key: count for key, count in calls.items() if count != 1} == {}
    assert set(calls) == {key for key, _ in net.named_modules()}


@pytest.mark.parametrize("name", NETS)
def test_channels_and_classes_are_free(name):
    arguments = compose_config([f"model={name}"]).net_arguments | {"in_channels": 3, "num_classes": 1000}
    from hydra.utils import instantiate

    with torch.device("meta"):
        net = instantiate(arguments, _convert_="all")
        assert net(torch.empty(2, 3, 28, 28)).shape == (2, 1000)
