"""LeNet: convolutions and pooling learn the features that a small dense net then classifies."""

import math
from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from cnnzoo.blocks import POOLINGS, ConvNet, activation_layer, choose, norm_layer, stage
from cnnzoo.shapes import feature_shape


class LeNet(ConvNet):
    """LeNet as it is taught: two convolutions with pooling, three dense layers; or as many of each as are asked for.

    Source: LeCun, Bottou, Bengio, Haffner, Gradient-based learning applied to document recognition, Proceedings of the
    IEEE 86(11) 1998, section II.B and figure 2; in the form of Zhang et al., Dive into Deep Learning, section 7.6
    (61,706 parameters), and with batch norm and without padding section 8.5 (44,878).

    Shape:
        Input:  (N, in_channels, S, S), float; S >= 16 - 2 * padding with the paper's two stages, because stage2
            halves to zero below it.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        channels: of each convolution, in order; the paper has [6, 16].
        kernel_size: height and width of their windows, in pixels; the paper's are 5.
        hidden: units of each hidden dense layer, in order; the paper has [120, 84].
        activation: after every hidden layer: sigmoid, relu or tanh.
        pooling: avg or max, over 2x2 windows.
        norm: none, batch or scratch (`cnnzoo.scratch.BatchNorm`), between every hidden layer and its activation.
        padding: of the first convolution, in pixels; 2 turns 28 px into the 32 px of the paper.

    Deviations:
        * activation: paper scaled tanh; here a choice, because the course uses the sigmoid and today's practice ReLU.
        * subsampling: paper a trainable coefficient and bias per map; here plain pooling, as the course has it.
        * C3: paper connects each map to some of the six maps below; here to all, as every framework does.
        * output: paper radial basis functions; here a dense layer, trained by cross-entropy.

    Raises:
        ValueError: an option is unknown, or image_size is too small.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        channels: Sequence[int],
        kernel_size: int,
        hidden: Sequence[int],
        activation: str,
        pooling: str,
        norm: str,
        padding: int,
    ) -> None:
        super().__init__()
        pool = choose(POOLINGS, pooling, "pooling")

        def conv(in_channels: int, out_channels: int, padding: int) -> nn.Sequential:
            return stage(
                conv=nn.Conv2d(in_channels, out_channels, kernel_size, padding=padding),
                norm=norm_layer(norm, out_channels, dims=2),
                act=activation_layer(activation),
                pool=pool(kernel_size=2, stride=2),
            )

        def dense(in_features: int, out_features: int) -> nn.Sequential:
            return stage(
                linear=nn.Linear(in_features, out_features),
                norm=norm_layer(norm, out_features, dims=1),
                act=activation_layer(activation),
            )

        steps = enumerate(pairwise([in_channels, *channels]), start=1)
        stages = {
            f"stage{number}": conv(before, after, padding if number == 1 else 0) for number, (before, after) in steps
        }
        self.features = stage(**stages)
        widths = [math.prod(feature_shape(self.features, in_channels, image_size)), *hidden]
        layers = {f"dense{number}": dense(*pair) for number, pair in enumerate(pairwise(widths), start=1)}
        self.head = stage(flatten=nn.Flatten(), **layers, output=nn.Linear(widths[-1], num_classes))
