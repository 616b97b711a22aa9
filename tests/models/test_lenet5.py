import torch

from cnnzoo.analysis.trace import trace_layers
from cnnzoo.models.lenet5 import TABLE_1, LeNet5, PartialConv2d, ScaledTanh, Subsampling
from tests.reference_cost import count_parameters


def test_parameters_of_every_layer_are_those_of_the_paper():
    net = LeNet5(in_channels=1, num_classes=10, image_size=28)
    layers = {**dict(net.features.named_children()), "f6": net.head.f6}
    counts = {name: count_parameters(layer) for name, layer in layers.items() if name != "pad"}
    assert counts == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}


def test_an_exported_net_takes_any_number_of_images():
    net = LeNet5(in_channels=1, num_classes=10, image_size=28).eval()
    batch = {0: torch.export.Dim("batch")}
    exported = torch.export.export(net, (torch.randn(2, 1, 28, 28),), dynamic_shapes=(batch,)).module()
    x = torch.randn(5, 1, 28, 28)
    torch.testing.assert_close(exported(x), net(x))


def test_28_px_become_32_and_c5_is_one_unit_per_map():
    net = LeNet5(in_channels=1, num_classes=10, image_size=28)
    x = torch.randn(2, 1, 28, 28)
    assert net.features.pad(x).shape[2:] == (32, 32)
    assert net.features(x).shape == (2, 120, 1, 1)


def test_every_map_of_c3_sees_the_maps_that_the_table_names():
    conv = PartialConv2d(TABLE_1)
    for source in range(6):
        x = torch.zeros(1, 6, 5, 5, requires_grad=True)
        for target, sources in enumerate(TABLE_1):
            (gradient,) = torch.autograd.grad(conv(x)[0, target].sum(), x)
            assert (gradient[0, source].abs().sum() > 0) == (source in sources)


def test_a_partial_convolution_is_the_sum_of_its_connections():
    conv = PartialConv2d(TABLE_1)
    torch.nn.init.normal_(conv.bias)
    x = torch.randn(2, 6, 14, 14)
    kernels = iter(conv.conv.weight)
    maps = []
    for bias, sources in zip(conv.bias, TABLE_1, strict=True):
        seen = [torch.nn.functional.conv2d(x[:, source : source + 1], next(kernels)[None]) for source in sources]
        maps.append(torch.stack(seen).sum(0) + bias)
    torch.testing.assert_close(conv(x), torch.cat(maps, 1), rtol=1e-4, atol=1e-5)


def test_only_connections_are_counted():
    """Those of the paper, 151,600, without the biases of 16 maps of 10x10."""
    with torch.device("meta"):
        net = LeNet5(in_channels=1, num_classes=10, image_size=28)
    (c3,) = (layer for layer in trace_layers(net, (1, 28, 28)) if layer.name.startswith("features.c3") and layer.macs)
    assert c3.macs == 151_600 - 16 * 100
    assert c3.output_shape == (60, 10, 10)


def test_subsampling_and_activation_by_hand():
    pool = Subsampling(1)
    with torch.no_grad():
        pool.coefficient.fill_(3)
        pool.bias.fill_(0.5)
    x = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]]]])
    assert pool(x).item() == 3 * 12 / 4 + 0.5
    torch.testing.assert_close(ScaledTanh()(torch.tensor([-1.0, 1.0])), torch.tensor([-1.0, 1.0]), rtol=0, atol=1e-4)
