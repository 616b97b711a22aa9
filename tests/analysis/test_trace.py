"""The layer trace beside published receptive fields, beside gradients, and beside torch's own counter."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnzoo.analysis.trace import total, trace_layers
from cnnzoo.blocks import Concat, Residual, stage
from cnnzoo.build import build
from cnnzoo.choices import options
from cnnzoo.scratch.convolution import Conv2d
from tests.composed import compose_config
from tests.reference_cost import count_macs, count_parameters

# Pixels that a unit at the end of a stage sees. Of the Inceptions, VGG-16 and the last stage of AlexNet: Araujo et al.,
# Computing Receptive Fields of Convolutional Neural Networks, Distill 2019, table 1; of the others by hand.
EXPECTED = {
    "lenet": (28, {"stage1.pool": 6, "stage2.pool": 16}),
    "lenet5": (28, {"s2.act": 6, "c3.act": 14, "s4.act": 16, "c5.act": 32}),
    "alexnet": (224, {"pool1": 19, "pool2": 67, "conv5.act": 163, "pool5": 195}),
    "alexnet_2012": (224, {"norm1": 11, "norm2": 51, "pool5": 195}),
    "vgg11": (96, {f"block{index}.pool": pixels for index, pixels in enumerate((4, 10, 30, 70, 150), start=1)}),
    "vgg16": (96, {"block5.pool": 212}),
    "resnet18": (96, {f"stage{index}.block2.act": pixels for index, pixels in enumerate((43, 99, 211, 435), start=1)}),
    "inception_v3": (96, {"mixed7c": 1311}),
    "inception_v4": (96, {"inception_c3": 2071}),
    "inception_resnet_v2": (96, {"last.act": 3039}),
}


def on_meta(name, size):
    with torch.device("meta"):
        return build(compose_config([f"model={name}", f"data.resize={size}"]).net_arguments)


def by_name(net, shape):
    return {layer.name: layer for layer in trace_layers(net, shape)}


@pytest.mark.parametrize("name", EXPECTED)
def test_receptive_fields_are_the_published_ones(name):
    size, expected = EXPECTED[name]
    layers = by_name(on_meta(name, size), (1, size, size))
    seen = {key: layers[f"features.{key}"].receptive_field for key in expected}
    assert seen == {key: (pixels, pixels) for key, pixels in expected.items()}


class Gate(nn.Module):
    def forward(self, x):
        return x * x.mean((2, 3), keepdim=True)


class EveryOther(nn.Module):
    def forward(self, x):
        return x[:, :, ::2, 1::2]


class Crop(nn.Module):
    def forward(self, x):
        return x[:, :, 1:-1, 2:-3:2]


class CropToSize(nn.Module):
    """Cuts its input to the size of another tensor, as a U-Net does, also where they are of one size."""

    def forward(self, x):
        return x[:, :2, : x.shape[2], : x.shape[3]]


class Shuffle(nn.Module):
    """Exchanges channels between groups, as ShuffleNet does, and chooses some of them."""

    def forward(self, x):
        shuffled = x.view(len(x), 2, 2, *x.shape[2:]).transpose(1, 2).flatten(1, 2)
        return shuffled.index_select(1, torch.arange(3, device=x.device))


class Rows(nn.Module):
    """Reads a row at a time, as a recurrent net would."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(10, 10)

    def forward(self, x):
        return self.linear(x.flatten(0, 1))


class Turned(nn.Module):
    """Exchanges rows and columns."""

    def forward(self, x):
        return x.transpose(2, 3)


class Piecewise(nn.Module):
    """Writes its output pixel by pixel, as the course's first convolution does."""

    def forward(self, x):
        y = x.new_zeros(x.shape)
        for row in range(x.shape[2]):
            y[:, :, row] = x[:, :, row] + 1
        return y


class GreyToColour(nn.Module):
    def forward(self, x):
        return torch.cat([x.repeat(1, 3, 1, 1), x.expand(-1, 2, -1, -1)], 1)


class ChannelAttention(nn.Module):
    """A shuffle by permuting, and a gate of each place by the mean and the most of its channels."""

    def forward(self, x):
        x = x.reshape(len(x), 2, -1, *x.shape[2:]).permute(0, 2, 1, 3, 4).flatten(1, 2)
        return x * (x.mean(1, keepdim=True) + x.amax(1, keepdim=True) + x.max(1, keepdim=True).values)


class GroupMean(nn.Module):
    """The mean of each channel over two groups."""

    def forward(self, x):
        return x.reshape(len(x), 2, -1, *x.shape[2:]).mean(1)


class LastOnes(nn.Module):
    def forward(self, x):
        return x[:, :, -8:, -6:]


class OwnKernel(nn.Module):
    """Convolves an image with a kernel that is a part of it."""

    def forward(self, x):
        return F.conv2d(x, x[:, :, :3, :3])


class MeanOfColumns(nn.Module):
    """A map of as many columns, each the mean of all."""

    def forward(self, x):
        return x[:, :, None].expand(-1, -1, x.shape[3], -1, -1).mean(4).transpose(2, 3)


class RowsByTable(nn.Module):
    """Every place sees a row that a table names."""

    def forward(self, x):
        return x[:, :, torch.zeros(x.shape[2], x.shape[2], dtype=torch.long)].flatten(1, 2)


NETS = {
    "stride and dilation": nn.Sequential(nn.Conv2d(1, 2, 3, stride=2), nn.Conv2d(2, 2, 3, dilation=3, padding=2)),
    "rows and columns": nn.Sequential(nn.Conv2d(1, 2, (1, 7), padding=(0, 3)), nn.Conv2d(2, 2, (3, 1), stride=(2, 1))),
    "an even window": nn.Sequential(nn.Conv2d(1, 2, 4, padding=1), nn.AvgPool2d(2), nn.ReLU(), nn.AvgPool2d(3, 1, 1)),
    "branches": Concat(
        one=nn.Conv2d(1, 2, 1), five=stage(a=nn.Conv2d(1, 2, 3, padding=1), b=nn.Conv2d(2, 2, 3, padding=1))
    ),
    "a residual sum": nn.Sequential(
        Residual(body=nn.Conv2d(1, 2, 3, stride=2, padding=1), shortcut=nn.Conv2d(1, 2, 1, stride=2), scale=0.2),
        nn.BatchNorm2d(2),
        nn.ZeroPad2d((0, 4, 2, 2)),
        nn.AdaptiveAvgPool2d(4),
    ),
    "branches with different centres": Concat(
        left=nn.Sequential(nn.ZeroPad2d((5, 0, 1, 0)), nn.AvgPool2d((2, 6), 1)),
        right=nn.Sequential(nn.ZeroPad2d((0, 2, 0, 3)), nn.AvgPool2d((4, 3), 1)),
    ),
    "every other pixel": nn.Sequential(nn.AvgPool2d(3, 1, 1), EveryOther(), nn.Conv2d(1, 1, 3), nn.PReLU()),
    "a crop": nn.Sequential(nn.AvgPool2d(3, 1, 1), Crop(), nn.Conv2d(1, 1, 3)),
    "a crop that cuts nothing": nn.Sequential(nn.Conv2d(1, 2, 3), CropToSize(), nn.Conv2d(2, 1, 3)),
    "a channel shuffle": nn.Sequential(nn.Conv2d(1, 4, 3), Shuffle(), nn.Conv2d(3, 1, 3)),
    "grey to colour": nn.Sequential(GreyToColour(), nn.Conv2d(5, 4, 3)),
    "a mean over groups": nn.Sequential(nn.Conv2d(1, 4, 3), GroupMean(), nn.Conv2d(2, 1, 3)),
    "attention to channels": nn.Sequential(nn.Conv2d(1, 4, 3), ChannelAttention(), nn.Conv2d(4, 1, 3)),
    "mirrored edges": nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"), nn.Conv2d(2, 1, 3)),
    "groups and chosen channels": nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 5, groups=2), nn.LocalResponseNorm(2)
    ),
}


@pytest.mark.parametrize("name", NETS)
def test_receptive_fields_are_where_the_gradient_is(name):
    net = NETS[name].eval()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    image = torch.ones(1, 1, 32, 32, requires_grad=True)
    maps = net(image)
    row, column = maps.shape[2] // 2, maps.shape[3] // 2
    (gradient,) = torch.autograd.grad(maps[0, :, row, column].sum(), image)
    rows, columns = gradient[0, 0].nonzero().T
    extent = tuple((index.max() - index.min() + 1).item() for index in (rows, columns))
    assert trace_layers(net, (1, 32, 32))[-1].receptive_field == extent
    (below,) = torch.autograd.grad(net(image)[0, :, row - 1, column - 1].sum(), image)
    moved = (rows.min() - below[0, 0].nonzero().T[0].min(), columns.min() - below[0, 0].nonzero().T[1].min())
    assert trace_layers(net, (1, 32, 32))[-1].stride == moved


WHOLE = [Gate(), nn.AdaptiveAvgPool2d(1), nn.Softmax(dim=3), nn.Upsample(scale_factor=2), Rows(), Piecewise(), Turned()]
WHOLE += [nn.AdaptiveAvgPool2d(7), nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")]
WHOLE += [MeanOfColumns(), RowsByTable(), nn.AdaptiveAvgPool2d((4, 3)), OwnKernel()]


@pytest.mark.parametrize("net", WHOLE)
def test_what_is_not_known_to_work_place_by_place_sees_everything(net):
    layer = trace_layers(net, (1, 12, 10))[-1]
    assert (layer.receptive_field, layer.stride) == ((12, 10), (0, 0))


class Listed(nn.Module):
    """Keeps its layers where torch does not find them."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.more = [nn.Conv2d(2, 2, 3)]

    def forward(self, x):
        return self.more[0](self.conv(x))


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_layers_that_torch_does_not_find_are_told(device):
    with torch.device(device):
        net = Listed()
    with pytest.raises(ValueError, match=r"neither trained nor saved\nkeep layers as attributes"):
        trace_layers(net, (1, 12, 12))


def test_a_dense_layer_sees_the_pixels_that_its_inputs_see():
    net = nn.Sequential(nn.Conv2d(1, 1, 3, stride=3), nn.Flatten(), nn.Linear(9, 2))  # the 11th column is never read
    assert by_name(net, (1, 11, 11))["2"].receptive_field == (9, 9)
    strided = nn.Sequential(nn.Conv2d(1, 1, 3, stride=3), nn.Conv2d(1, 1, 3, padding=1), nn.Flatten(), nn.Linear(9, 2))
    assert by_name(strided, (1, 11, 11))["3"].receptive_field == (9, 9)  # nor where padding reaches over it
    ceiled = nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True), nn.AdaptiveAvgPool2d(1))
    assert by_name(ceiled, (1, 10, 10))["1"].receptive_field == (10, 10)
    sliced = nn.Sequential(EveryOther(), nn.AdaptiveAvgPool2d(1))
    assert by_name(sliced, (1, 9, 9))["1"].receptive_field == (9, 7)  # rows 0 to 8, columns 1 to 7
    cropped = nn.Sequential(Crop(), nn.AdaptiveAvgPool2d(1))
    assert by_name(cropped, (1, 9, 10))["1"].receptive_field == (7, 5)  # rows 1 to 7, columns 2 to 6
    padded = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Flatten(), nn.Linear(36, 2))
    assert by_name(padded, (1, 6, 6))["2"].receptive_field == (6, 6)  # padding is no pixel


class Functional(nn.Module):
    """As people write nets: functions between layers, and a layer used twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.again = nn.Conv2d(4, 4, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv(x), inplace=True), 2)
        x = F.relu_(self.again(self.again(x))) * self.scale
        return torch.flatten(x, 1) @ torch.ones(4 * 25, 10, device=x.device)


def test_any_module_can_be_traced_and_stays_as_it_was():
    net = Functional()
    layers = trace_layers(net, (1, 10, 10))
    assert [(layer.name, layer.params, layer.receptive_field) for layer in layers] == [
        ("conv", 36, (3, 3)),
        ("again", 148, (8, 8)),
        ("again", 0, (12, 12)),
        ("", 4, (10, 10)),  # what the module does by itself
    ]
    assert [layer.macs for layer in layers] == [100 * 36, 25 * 144, 25 * 144, 4 * 25 * 10]
    assert net.training
    assert net.again.training
    assert all(parameter.device.type == "cpu" for parameter in net.parameters())
    assert not net._forward_hooks


class Sequence(nn.Module):
    """Layers whose output is a tuple, and one whose weight is used without a call."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(8, 6)
        self.attention = nn.MultiheadAttention(6, 2)
        self.unused = nn.Linear(3, 3)

    def forward(self, x):
        x, _ = self.lstm(x.squeeze(1))
        return self.attention(x, x, x)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_parameters_count_once_however_they_are_used(dtype):
    net = Sequence().to(dtype)
    totals = total(trace_layers(net, (1, 8, 8)))
    assert totals.params == count_parameters(net)
    assert totals.receptive_field == 0  # it has no feature maps
    tied = nn.Sequential(nn.Flatten(), nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False))
    tied[2].weight = tied[1].weight
    assert [layer.params for layer in trace_layers(tied, (1, 8, 8))] == [0, 64 * 64, 0]


def test_heads_for_training_come_last():
    with torch.device("meta"):
        net = build(compose_config(["model=googlenet", "model.aux_heads=true"]).net_arguments)
    layers = trace_layers(net, (1, 28, 28))
    assert total(layers).params == count_parameters(net)
    assert (layers[-1].name, layers[-1].output_shape) == ("aux.inception4d.output", ())
    assert total([]).params == 0


def test_a_net_whose_shapes_are_not_known_yet_is_refused_and_not_touched():
    net = nn.Sequential(nn.LazyConv2d(2, 3))
    with pytest.raises(ValueError, match="lazy layers"):
        trace_layers(net, (1, 8, 8))
    assert net(torch.ones(1, 1, 8, 8)).shape == (1, 2, 6, 6)


def test_inference_mode_changes_nothing():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2))
    with torch.inference_mode():
        layers = trace_layers(net, (1, 8, 8))
    assert layers == trace_layers(net, (1, 8, 8))
    assert layers[-1].receptive_field == (4, 4)


def test_a_layer_by_hand():
    net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(128, 10))
    layers = by_name(net, (3, 8, 8))
    conv = layers["0"]
    assert (conv.kind, conv.part, conv.output_shape, conv.stride) == ("Conv2d", "convolution", (8, 4, 4), (2, 2))
    assert (conv.params, conv.macs, conv.activation_bytes) == (8 * 27 + 8, 16 * 8 * 27, 8 * 16 * 4)
    assert [layer.part for layer in layers.values()] == ["convolution", "other", "other", "dense"]
    totals = total(list(layers.values()))
    assert (totals.params, totals.conv_params, totals.dense_params) == (224 + 16 + 1290, 224, 1290)
    assert (totals.macs, totals.conv_macs, totals.dense_macs) == (3456 + 1280, 3456, 1280)
    assert (totals.receptive_field, totals.activation_bytes) == (3, 4 * (128 * 2 + 10))


@pytest.mark.parametrize("name", options("model"))
def test_totals_are_those_of_the_counters(name):
    net = on_meta(name, 28)
    totals = total(trace_layers(net, (1, 28, 28)))
    assert totals.params == count_parameters(net)
    assert totals.macs == count_macs(net.eval(), (1, 28, 28))  # torch.utils.flop_counter / 2
    assert totals.conv_params + totals.dense_params <= totals.params
    assert totals.conv_macs + totals.dense_macs == totals.macs


@pytest.mark.parametrize("shape", [(1, 1, 28, 28), (28, 28)])
def test_the_shape_is_that_of_one_image(shape):
    with pytest.raises(ValueError, match=r"input_shape is \(C, H, W\), of one image"):
        trace_layers(nn.Conv2d(1, 1, 3), shape)


def test_a_layer_that_cannot_take_what_it_is_given_is_named():
    net = stage(conv=nn.Conv2d(1, 8, 3), flatten=nn.Flatten(), head=nn.Linear(5408, 10))
    assert trace_layers(net, (1, 28, 28))
    with pytest.raises(ValueError, match=r"^head cannot take what it is given: "):
        trace_layers(net, (1, 32, 32))
    misfit = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(16))
    with pytest.raises(ValueError, match=r"^1 cannot take .*: batch norm over 16 channels is given 8$"):
        trace_layers(misfit, (1, 28, 28))


class Dense(nn.Module):
    """Concatenates before it computes, as torchvision's DenseNet does."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return self.conv(torch.cat([x, x, x], 1))


def test_what_a_layer_makes_counts_once():
    layers = by_name(nn.Sequential(Dense(), nn.Dropout2d(), nn.Flatten(), nn.Unflatten(1, (2, 64))), (1, 8, 8))
    values = {name: layer.activation_bytes // 4 for name, layer in layers.items()}
    assert values == {"0.conv": 2 * 64, "0": 3 * 64, "1": 0, "2": 0, "3": 0}


class Query(nn.Module):
    """Looks at each place of a map with one learned vector, and at the result with another."""

    def __init__(self):
        super().__init__()
        self.query, self.last, self.bias = (nn.Parameter(torch.zeros(size)) for size in (1, 64, 64))

    def forward(self, x):
        places = x[0].flatten(1).T  # (64, 1)
        seen = torch.addmv(self.bias, places, self.query) + places @ self.query
        return torch.dot(seen, self.last).reshape(1, 1)


def test_products_with_a_vector_are_counted():
    (layer,) = trace_layers(Query(), (1, 8, 8))
    assert (layer.part, layer.params, layer.macs) == ("dense", 129, 64 + 64 + 64)


def test_the_projects_own_convolution_is_one():
    (layer,) = trace_layers(Conv2d(1, 4, 3), (1, 8, 8))
    assert (layer.part, layer.params, layer.macs) == ("convolution", 40, 4 * 9 * 36)


def test_a_norm_with_a_weight_for_each_pixel_is_no_convolution():
    (layer,) = trace_layers(nn.LayerNorm((1, 8, 8)), (1, 8, 8))
    assert (layer.part, layer.params) == ("other", 128)


def test_a_crop_may_be_counted_from_the_end():
    cropped = nn.Sequential(LastOnes(), nn.AdaptiveAvgPool2d(1))
    assert by_name(cropped, (1, 9, 10))["1"].receptive_field == (8, 6)
