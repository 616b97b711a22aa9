"""NiN: small nets of 1x1 convolutions inside a net, and no dense layer at all."""

from torch import nn

from cnnzoo.blocks import ConvNet, choose_stem, conv_layer, stage
from cnnzoo.shapes import feature_shape


class NiN(ConvNet):
    """Four blocks of a convolution and two 1x1 convolutions; the last has a channel per class and is averaged.

    Source: Lin, Chen, Yan, Network In Network, ICLR 2014, arXiv:1312.4400, sections 3.1 and 3.2; at AlexNet's size as
    Zhang et al., Dive into Deep Learning, section 8.3, have it (1,992,166 parameters).

    Shape:
        Input:  (N, in_channels, S, S), float; S >= 67 with the paper's stem, because pool3 halves to zero below it. The
                small stem, used below 67 px, has a first convolution of 5x5 at stride 1.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper (11x11, stride 4) or small.
        width: factor on the channels 96, 256, 384 of the first three blocks.
        dropout: probability of dropping a value before the last block.
        course: d2l's wiring: a ReLU before the average.

    Deviations:
        * size: paper three blocks for CIFAR; here AlexNet's four stages, as the course has it.
        * dropout: paper after the first two poolings; here once, before the last block, as the course has it.
        * output: paper a ReLU before the average, too; here not, unless `course`: a class whose map is nowhere positive
          would have no gradient, and never be learned.

    Raises:
        ValueError: an option is unknown, or image_size is too small.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        stem: str,
        width: float,
        dropout: float,
        course: bool,
    ) -> None:
        super().__init__()
        self.stem = choose_stem(stem, image_size, paper_from=67)
        c1, c2, c3 = (max(1, round(channels * width)) for channels in (96, 256, 384))

        def block(
            before: int,
            after: int,
            kernel_size: int,
            *,
            stride: int = 1,
            padding: int = 0,
            dropout: nn.Module | None = None,
            last: str | None = "relu",
        ) -> nn.Sequential:
            return stage(
                dropout=dropout,
                conv=conv_layer(before, after, kernel_size, stride=stride, padding=padding),
                mlp1=conv_layer(after, after, 1),
                mlp2=conv_layer(after, after, 1, activation=last),
            )

        self.features = stage(
            block1=block(in_channels, c1, 11, stride=4)
            if self.stem == "paper"
            else block(in_channels, c1, 5, padding=2),
            pool1=nn.MaxPool2d(3, stride=2),
            block2=block(c1, c2, 5, padding=2),
            pool2=nn.MaxPool2d(3, stride=2),
            block3=block(c2, c3, 3, padding=1),
            pool3=nn.MaxPool2d(3, stride=2),
            block4=block(c3, num_classes, 3, padding=1, dropout=nn.Dropout(dropout), last="relu" if course else None),
        )
        feature_shape(self.features, in_channels, image_size)
        self.head = stage(pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten())
