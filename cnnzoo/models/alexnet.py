"""AlexNet: deep, wide, ReLU and dropout; the net that began it all in 2012."""

import math
from itertools import pairwise

from torch import nn

from cnnzoo.blocks import ConvNet, OptionError, choose_stem, conv_layer, dense_head, stage
from cnnzoo.shapes import feature_shape

CHANNELS = (96, 256, 384, 384, 256)


class AlexNet(ConvNet):
    """Five convolutions, three of them with overlapping pooling, and dense layers with dropout.

    Source: Krizhevsky, Sutskever, Hinton, ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012,
    section 3 and figure 2; in one tower, as Zhang et al., Dive into Deep Learning, section 8.1, have it (46,764,746
    parameters at 224 px).

    Shape:
        Input:  (N, in_channels, S, S), float; with the paper's stem S >= 67 - 2 * padding, because pool5 halves to zero
                below it. The small stem, used below 67 px, has a first convolution of 5x5 at stride 1.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper (11x11, stride 4) or small.
        padding: of the first convolution of the paper's stem, in pixels; the small one has its own.
        width: factor on the convolutions' channels 96, 256, 384, 384, 256.
        num_convs: how many of these five convolutions there are, counted from the image: 3 to 5. The poolings stay.
        global_pool: whether each map is averaged to one value before the dense layers (Lin et al. 2014, section 3.2).
        hidden: units of each hidden dense layer, if there is one.
        num_hidden: hidden dense layers; 2 in the paper, 0 leaves the output layer alone.
        dropout: probability of dropping a hidden unit, if there is one.
        groups: in conv2, conv4 and conv5; 2 are the paper's two towers.
        lrn: whether local response normalisation follows conv1 and conv2.

    Deviations:
        * input: paper 224 in the text and 227 by its figures; here any size. padding=2 makes 224 what 227 is without.
        * padding of the first convolution: the course 1 pixel; here 0. At 224 px the maps have the same size.
        * two towers: paper on two GPUs; here groups, which compute the same but for local response normalisation, whose
          windows of five maps cross the border between the towers.
        * initial weights: paper normal, with a deviation of 0.01, and biases of 1 in conv2, conv4, conv5 and the hidden
          dense layers; here `model.init`, and biases of 0.

    Raises:
        ValueError: an option is unknown, num_convs is not 3 to 5, the channels cannot be divided into groups, or
            image_size is too small.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        stem: str,
        padding: int,
        width: float,
        num_convs: int,
        global_pool: bool,
        hidden: int,
        num_hidden: int,
        dropout: float,
        groups: int,
        lrn: bool,
    ) -> None:
        super().__init__()
        self.stem = choose_stem(stem, image_size, paper_from=67)
        if not 3 <= num_convs <= len(CHANNELS):
            raise OptionError(f"model.num_convs must be 3 to {len(CHANNELS)} (got {num_convs})\ntype model.num_convs=5")
        c1, c2, *more = counts = [max(1, round(channels * width)) for channels in CHANNELS[:num_convs]]
        if any(count % groups for count in counts):
            listed = ", ".join(map(str, counts))
            raise ValueError(
                f"{listed} channels cannot be divided into model.groups={groups}\n"
                "type model.groups=1, or another model.width"
            )
        if self.stem == "paper":
            conv1 = conv_layer(in_channels, c1, 11, stride=4, padding=padding)
        else:
            conv1 = conv_layer(in_channels, c1, 5, padding=2)

        def norm() -> nn.Module | None:
            return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2) if lrn else None  # torch divides alpha by 5

        self.features = stage(
            conv1=conv1,
            norm1=norm(),
            pool1=nn.MaxPool2d(3, stride=2),
            conv2=conv_layer(c1, c2, 5, padding=2, groups=groups),
            norm2=norm(),
            pool2=nn.MaxPool2d(3, stride=2),
        )
        for index, (before, after) in enumerate(pairwise([c2, *more]), start=3):
            conv = conv_layer(before, after, 3, padding=1, groups=1 if index == 3 else groups)
            self.features.add_module(f"conv{index}", conv)
        self.features.add_module("pool5", nn.MaxPool2d(3, stride=2))
        shape = feature_shape(self.features, in_channels, image_size)
        self.head = dense_head(
            shape[0] if global_pool else math.prod(shape),
            num_classes,
            hidden=[hidden] * num_hidden,
            dropout=dropout,
            global_pool=global_pool,
        )
