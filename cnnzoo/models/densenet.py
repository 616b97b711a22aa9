"""DenseNet: every layer sees the outputs of all layers before it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cnnzoo.blocks import ConvNet, OptionError, choose_stem, first_stages, norm_layer, pooled_head, stage
from cnnzoo.shapes import feature_shape


class DenseNet(ConvNet):
    """A stem and four dense blocks with transitions between them, averaged.

    Source: Huang, Liu, van der Maaten, Weinberger, Densely Connected Convolutional Networks, CVPR 2017,
    arXiv:1608.06993; table 1 (DenseNet-BC). The course's net is Zhang et al., Dive into Deep Learning, section 8.7.

    Shape:
        Input:  (N, in_channels, S, S), float; with four blocks S >= 29 with the paper's stem and S >= 8 with the small
                one, because the transitions halve to zero below it. The small stem, used below 64 px, is a 3x3
                convolution at stride 1, without pooling, after section 3 for CIFAR.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper (7x7, stride 2, and pooling) or small.
        blocks: layers in each dense block; (6, 12, 24, 16) is DenseNet-121.
        growth_rate: channels that each layer adds (k).
        stem_channels: channels of the stem; 2k in the paper.
        bottleneck: channels of the 1x1 convolution before each 3x3, in multiples of k; 4 in the paper, 0 for none.
        course: d2l's wiring: convolutions with bias.

    Deviations:
        * small stem: paper's networks for CIFAR have three dense blocks; here as many as with the paper's stem for
          ImageNet, and batch norm and ReLU behind the convolution as there.
        * dropout: paper 0.2 behind all convolutions but the first where images are not augmented (4.2); here none.

    Raises:
        ValueError: an option is unknown, there are no blocks, or image_size is too small.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        stem: str,
        blocks: Sequence[int],
        growth_rate: int,
        stem_channels: int,
        bottleneck: int,
        course: bool,
    ) -> None:
        super().__init__()
        self.stem = choose_stem(stem, image_size, paper_from=64)
        self.features = first_stages(in_channels, stem_channels, stem=self.stem, norm="batch", bias=course)
        channels = stem_channels
        if not blocks:
            raise OptionError("model.blocks must be one number or more\ntype model.blocks=[4,4,4,4]")
        for index, num_layers in enumerate(blocks, start=1):
            if index > 1:
                transition = stage(
                    conv=preactivated(channels, channels // 2, 1, bias=course), pool=nn.AvgPool2d(2, stride=2)
                )
                self.features.add_module(f"transition{index - 1}", transition)
                channels //= 2
            block = nn.Sequential()
            for number in range(1, num_layers + 1):
                block.add_module(f"layer{number}", DenseLayer(channels, growth_rate, bottleneck, bias=course))
                channels += growth_rate
            self.features.add_module(f"block{index}", block)
        self.features.add_module("last", stage(norm=norm_layer("batch", channels, dims=2), act=nn.ReLU()))
        feature_shape(self.features, in_channels, image_size)
        self.head = pooled_head(channels, num_classes)


class DenseLayer(nn.Module):
    """Appends `growth_rate` new channels to its input.

    Shape:
        Input:  (N, in_channels, H, W).
        Output: (N, in_channels + growth_rate, H, W).
    """

    def __init__(self, in_channels: int, growth_rate: int, bottleneck: int, *, bias: bool) -> None:
        super().__init__()
        mid_channels = bottleneck * growth_rate or in_channels
        self.conv1 = preactivated(in_channels, mid_channels, 1, bias=bias) if bottleneck else nn.Identity()
        self.conv2 = preactivated(mid_channels, growth_rate, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return the input with the new channels behind it."""
        return torch.cat([x, self.conv2(self.conv1(x))], dim=1)


def preactivated(in_channels: int, out_channels: int, kernel_size: int, *, bias: bool) -> nn.Sequential:
    """Return norm, ReLU and convolution, in this order (He et al. 2016b)."""
    return stage(
        norm=norm_layer("batch", in_channels, dims=2),
        act=nn.ReLU(),
        conv=nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=bias),
    )
