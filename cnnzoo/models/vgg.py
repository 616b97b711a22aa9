"""VGG: nothing but 3x3 convolutions, in blocks that double the channels and halve the image."""

import math
from collections.abc import Sequence

from torch import nn

from cnnzoo.blocks import ConvNet, OptionError, choose_stem, conv_layer, dense_head, stage
from cnnzoo.shapes import feature_shape

CHANNELS = (64, 128, 256, 512, 512)  # of the blocks


class VGG(ConvNet):
    """Five blocks of 3x3 convolutions, each ended by 2x2 max pooling, and dense layers with dropout.

    Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015,
    arXiv:1409.1556; table 1, columns A (11 layers), B (13), D (16), E (19).

    Shape:
        Input:  (N, in_channels, S, S), float; S >= 32 with the paper's stem, because the five poolings halve to zero
                below it. The small stem, used below 32 px, pads the image by 2 on each side, so that S >= 28.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper or small.
        blocks: convolutions in each block; table 1 column A is (1, 1, 2, 2, 2).
        width: factor on the channels 64, 128, 256, 512, 512 of the blocks.
        hidden: units of each of the two hidden dense layers; 4096 in the paper.
        dropout: probability of dropping a hidden unit.
        norm: none, or batch or scratch (`cnnzoo.scratch.BatchNorm`) after every convolution.

    Deviations:
        * norm: paper none; batch is later practice, and torchvision's `vgg11_bn`.
        * weights: paper a normal distribution of variance 0.01, and deeper nets begin with trained layers of column A
          (section 3.1); here `model.init`.
        * a convolution before a batch norm keeps its bias, as in torchvision, so that its weights can be loaded.

    Raises:
        ValueError: an option is unknown, there are not five numbers of blocks, or image_size is too small.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        stem: str,
        blocks: Sequence[int],
        width: float,
        hidden: int,
        dropout: float,
        norm: str,
    ) -> None:
        super().__init__()
        if len(blocks) != len(CHANNELS):
            raise OptionError(f"model.blocks must be {len(CHANNELS)} numbers\ntype model.blocks=[1,1,2,2,2]")
        self.stem = choose_stem(stem, image_size, paper_from=32)
        before, padding = in_channels, 1 if self.stem == "paper" else 3
        self.features = nn.Sequential()
        for index, (num_convs, channels) in enumerate(zip(blocks, CHANNELS, strict=True), start=1):
            layers = {}
            for number in range(1, num_convs + 1):
                after = max(1, round(channels * width))
                layers[f"conv{number}"] = conv_layer(before, after, 3, padding=padding, norm=norm, bias=True)
                before, padding = after, 1
            self.features.add_module(f"block{index}", stage(**layers, pool=nn.MaxPool2d(2)))
        in_features = math.prod(feature_shape(self.features, in_channels, image_size))
        self.head = dense_head(in_features, num_classes, hidden=[hidden, hidden], dropout=dropout)
