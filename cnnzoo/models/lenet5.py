"""LeNet-5 as it was printed in 1998: scaled tanh, learned subsampling, and maps that see some of the maps below."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnzoo.blocks import ConvNet, stage
from cnnzoo.shapes import feature_shape

SIDE = 32  # pixels; smaller images are padded to it

# Table I of the paper: which maps of S2 each of the 16 maps of C3 sees.
TABLE_1 = (
    *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
    *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
)


class LeNet5(ConvNet):
    """LeNet-5: C1, S2, C3, S4, C5, F6 and the output layer.

    Source: LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, Proceedings of the
    IEEE 86(11) 1998, section II.B, figure 2, table I, appendix A. Parameters: C1 156, S2 12, C3 1,516, S4 32,
    C5 48,120, F6 10,164.

    Shape:
        Input:  (N, in_channels, S, S), float; any S: images below 32 px are padded with zeros to 32. From 36 px on, C5
                has more than one unit per map, and F6 sees them all.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.

    Deviations:
        * output: paper Euclidean radial basis functions on drawn characters; here a dense layer, trained by
          cross-entropy, because the classes are no characters.
        * padding: paper digits on background; here zeros around normalised images, which is their mean grey.
        * initial weights: paper uniform, bounded by 2.4 / fan-in; here `model.init`. C3 is kept as 60 single kernels:
          Xavier's rule sees 25 inputs and 1,500 outputs, where a map really has 94 and 250 on average, so that C3
          begins with half the spread (standard deviation 0.036 for 0.076).
    """

    def __init__(self, *, in_channels: int, num_classes: int, image_size: int) -> None:
        super().__init__()
        missing = max(0, SIDE - image_size)
        before, after = missing // 2, missing - missing // 2
        self.features = stage(
            pad=nn.ZeroPad2d((before, after, before, after)),
            c1=stage(conv=nn.Conv2d(in_channels, 6, 5), act=ScaledTanh()),
            s2=stage(pool=Subsampling(6), act=ScaledTanh()),
            c3=stage(conv=PartialConv2d(TABLE_1), act=ScaledTanh()),
            s4=stage(pool=Subsampling(16), act=ScaledTanh()),
            c5=stage(conv=nn.Conv2d(16, 120, 5), act=ScaledTanh()),
        )
        self.head = stage(
            flatten=nn.Flatten(),
            f6=stage(
                linear=nn.Linear(math.prod(feature_shape(self.features, in_channels, image_size)), 84), act=ScaledTanh()
            ),
            output=nn.Linear(84, num_classes),
        )


class ScaledTanh(nn.Module):
    """1.7159 tanh(2x / 3), which maps 1 to 1 and -1 to -1 (appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the activation, elementwise."""
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """Adds each 2x2 window of a map, times a coefficient, plus a bias, both learned and one of each per map.

    Shape:
        Input:  (N, num_maps, H, W).
        Output: (N, num_maps, H // 2, W // 2).
    """

    def __init__(self, num_maps: int) -> None:
        super().__init__()
        self.mean = nn.AvgPool2d(2, stride=2)
        self.coefficient = nn.Parameter(torch.ones(num_maps, 1, 1))
        self.bias = nn.Parameter(torch.zeros(num_maps, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the subsampled maps; the sum of a window is four times its mean, which the coefficient takes up."""
        pooled: Tensor = self.mean(x) * self.coefficient + self.bias
        return pooled


class PartialConv2d(nn.Module):
    """A 5x5 convolution in which each output map sees only some input maps.

    Shape:
        Input:  (N, number of input maps, H, W).
        Output: (N, len(table), H - 4, W - 4).

    Args:
        table: for each output map the input maps that it sees.
    """

    inputs: Tensor
    outputs: Tensor

    def __init__(self, table: tuple[tuple[int, ...], ...]) -> None:
        super().__init__()
        pairs = [(source, target) for target, sources in enumerate(table) for source in sources]
        self.register_buffer("inputs", torch.tensor([source for source, _ in pairs]), persistent=False)
        self.register_buffer("outputs", torch.tensor([target for _, target in pairs]), persistent=False)
        self.conv = nn.Conv2d(len(pairs), len(pairs), 5, groups=len(pairs), bias=False)  # one kernel a connection
        self.bias = nn.Parameter(torch.zeros(len(table), 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum over the connections of each output map.

        A full convolution whose other kernels are zero computes that 6 times as fast as 60 single kernels do. On the
        meta device, where layers are counted, the 60 are applied one by one, so that tables have the paper's figures.
        """
        if x.is_meta:
            connections = self.conv(x[:, self.inputs])
            sums = connections.new_zeros(len(x), len(self.bias), *connections.shape[2:])
            summed: Tensor = sums.index_add(1, self.outputs, connections) + self.bias
            return summed
        kernels = self.conv.weight.new_zeros(len(self.bias), x.shape[1], 5, 5)
        kernels = kernels.index_put((self.outputs, self.inputs), self.conv.weight[:, 0])
        return F.conv2d(x, kernels, self.bias.flatten())
