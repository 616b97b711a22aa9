"""ResNet: layers that learn what to add to their input."""

from collections.abc import Sequence

from torch import nn

from cnnzoo.blocks import ConvNet, OptionError, Residual, choose_stem, conv_layer, first_stages, pooled_head, stage

CHANNELS = (64, 128, 256, 512)  # of the stages


class ResNet(ConvNet):
    """A stem and four stages of residual blocks, averaged.

    Source: He, Zhang, Ren, Sun, Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385; table 1,
    with projection shortcuts where the shape changes (option B).

    Shape:
        Input:  (N, in_channels, S, S), float; any S. At 28 px the paper's stem leaves one pixel to the last stage; the
                small stem, used below 64 px, is the 3x3 convolution at stride 1, without pooling, of section 4.2.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper (7x7, stride 2, and pooling) or small.
        blocks: residual blocks in each stage; (2, 2, 2, 2) is ResNet-18.
        bottleneck: whether a block is 1x1, 3x3, 1x1 with four times the channels, as from 50 layers on, or 3x3, 3x3.
        width: factor on the channels 64, 128, 256, 512 of the stages.
        course: d2l's wiring: convolutions with bias, and no batch norm on the shortcut.

    Deviations:
        * small stem: paper's networks for CIFAR (section 4.2) have three stages of 16, 32 and 64 channels; here the
          four of table 1.
        * bottleneck: paper halves the image in the first 1x1; here in the 3x3, as torchvision and later practice.
        * weights: from 50 layers on, the yaml files have model.init=zero_gamma (Goyal et al. 2017, arXiv:1706.02677,
          section 5.1), because gradients grow with depth otherwise; paper has those of He et al. 2015: kaiming.

    Raises:
        ValueError: an option is unknown, or there are not four numbers of blocks.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        stem: str,
        blocks: Sequence[int],
        bottleneck: bool,
        width: float,
        course: bool,
    ) -> None:
        super().__init__()
        if len(blocks) != len(CHANNELS):
            raise OptionError(f"model.blocks must be {len(CHANNELS)} numbers\ntype model.blocks=[2,2,2,2]")
        self.stem = choose_stem(stem, image_size, paper_from=64)
        widths = [max(1, round(channels * width)) for channels in CHANNELS]
        expansion = 4 if bottleneck else 1
        before = widths[0]
        self.features = first_stages(in_channels, before, stem=self.stem, norm="batch", bias=course)
        for index, (num_blocks, channels) in enumerate(zip(blocks, widths, strict=True), start=1):
            layers = {}
            for number in range(1, num_blocks + 1):
                stride = 2 if number == 1 and index > 1 else 1
                layers[f"block{number}"] = residual_block(
                    before, channels, stride, bottleneck=bottleneck, course=course
                )
                before = channels * expansion
            self.features.add_module(f"stage{index}", stage(**layers))
        self.head = pooled_head(before, num_classes)


def residual_block(before: int, channels: int, stride: int, *, bottleneck: bool, course: bool) -> Residual:
    """Return one block; its shortcut is the identity unless the shape changes."""

    def conv(before: int, after: int, size: int, stride: int = 1, activation: str | None = "relu") -> nn.Module:
        same = size // 2
        return conv_layer(
            before, after, size, stride=stride, padding=same, norm="batch", activation=activation, bias=course
        )

    if bottleneck:
        after = 4 * channels
        body = stage(
            conv1=conv(before, channels, 1),
            conv2=conv(channels, channels, 3, stride),
            conv3=conv(channels, after, 1, activation=None),
        )
    else:
        after = channels
        body = stage(conv1=conv(before, channels, 3, stride), conv2=conv(channels, channels, 3, activation=None))
    shortcut = None
    if stride != 1 or before != after:
        norm = "none" if course else "batch"
        shortcut = conv_layer(before, after, 1, stride=stride, norm=norm, activation=None, bias=course)
    return Residual(body=body, shortcut=shortcut, activation=nn.ReLU())
