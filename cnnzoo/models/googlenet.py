"""GoogLeNet and the ladder above it: batch norm, factorised convolutions, residual blocks, one thing at a time."""

from torch import nn

from cnnzoo.blocks import Concat, ConvNet, Residual, choose_stem, conv_layer, first_stages, pooled_head, stage
from cnnzoo.shapes import feature_shape

# Table 1 of the paper: 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection; None is a pooling between.
TABLE_1: dict[str, tuple[int, int, int, int, int, int] | None] = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "pool3": None,
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "pool4": None,
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}
AUXILIARY = ("inception4a", "inception4d")
RESIDUAL_WIDTH = 0.5  # of the branches, which makes room for the 1x1 convolution behind them


class GoogLeNet(ConvNet):
    """A stem and nine Inception blocks: four branches of different reach side by side.

    Source: Szegedy et al., Going Deeper with Convolutions, CVPR 2015, arXiv:1409.4842, table 1. The ladder: batch norm
    as Ioffe and Szegedy, ICML 2015, arXiv:1502.03167; 5x5 as two 3x3 as Szegedy et al., CVPR 2016, arXiv:1512.00567,
    section 3.1 and figure 5; residual blocks as Szegedy et al., AAAI 2017, arXiv:1602.07261, sections 3.2 and 3.3.

    Shape:
        Input:  (N, in_channels, S, S), float; any S. At 28 px the paper's stem leaves one pixel to the last stage; the
                small stem, used below 64 px, has a 3x3 convolution at stride 1 for the 7x7 and no first pooling. With
                auxiliary heads S >= 17, and the paper's stem begins at 65 px.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper or small.
        norm: none, or batch or scratch (`cnnzoo.scratch.BatchNorm`) after every convolution.
        factorize: whether a 5x5 convolution is two 3x3 convolutions of the same reach.
        residual: whether a block adds to its input: half the width, then a linear 1x1 convolution, times 0.2.
        aux_heads: whether two auxiliary classifiers help training, on 4a and 4d.
        dropout: probability of dropping a feature before the output layer; 0.4 in the paper.

    Deviations:
        * local response normalisation of the stem: left out, as the course does.
        * norm: Ioffe and Szegedy's own net (their figure 5) has two 3x3 convolutions for every 5x5, a third block at
          28x28, average pooling in most blocks, and blocks with stride 2 in place of two poolings; here GoogLeNet's
          table stays, so that batch norm alone is compared.
        * residual: the paper's nets are larger; here the blocks keep GoogLeNet's size, and where a block changes the
          number of channels its shortcut is a linear 1x1 convolution. The branch with max pooling stays, which the
          paper's residual blocks do not have. With `norm` there is batch norm behind the linear
          convolutions, too, where the paper has it behind others only (section 3.2).

    Raises:
        ValueError: an option is unknown, or image_size is too small for the auxiliary heads.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        stem: str,
        norm: str,
        factorize: bool,
        residual: bool,
        aux_heads: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.stem = choose_stem(stem, image_size, paper_from=65 if aux_heads else 64)  # at 64 px 4a is 4x4
        self.features = first_stages(in_channels, 64, stem=self.stem, norm=norm)
        self.features.add_module("reduce2", conv_layer(64, 64, 1, norm=norm))
        self.features.add_module("conv2", conv_layer(64, 192, 3, padding=1, norm=norm))
        self.features.add_module("pool2", nn.MaxPool2d(3, stride=2, padding=1))
        channels = 192
        for name, row in TABLE_1.items():
            if row is None:
                self.features.add_module(name, nn.MaxPool2d(3, stride=2, padding=1))
                continue
            block = inception(channels, row, norm=norm, factorize=factorize, residual=residual)
            self.features.add_module(name, block)
            channels = row[0] + row[2] + row[4] + row[5]
            if aux_heads and name in AUXILIARY:
                height = feature_shape(self.features, in_channels, image_size)[1]
                self.aux[name] = auxiliary_head(channels, height, num_classes, norm)
        self.head = pooled_head(channels, num_classes, dropout=dropout)


def inception(
    in_channels: int, row: tuple[int, int, int, int, int, int], *, norm: str, factorize: bool, residual: bool
) -> nn.Module:
    """Return one Inception block with the channels of a row of table 1."""
    out_channels = row[0] + row[2] + row[4] + row[5]
    c1, reduce3, c3, reduce5, c5, c_pool = (round(channels * (RESIDUAL_WIDTH if residual else 1)) for channels in row)
    if factorize:
        branch5 = stage(
            reduce=conv_layer(in_channels, reduce5, 1, norm=norm),
            conv1=conv_layer(reduce5, c5, 3, padding=1, norm=norm),
            conv2=conv_layer(c5, c5, 3, padding=1, norm=norm),
        )
    else:
        branch5 = stage(
            reduce=conv_layer(in_channels, reduce5, 1, norm=norm), conv=conv_layer(reduce5, c5, 5, padding=2, norm=norm)
        )
    branches = Concat(
        branch1=conv_layer(in_channels, c1, 1, norm=norm),
        branch3=stage(
            reduce=conv_layer(in_channels, reduce3, 1, norm=norm), conv=conv_layer(reduce3, c3, 3, padding=1, norm=norm)
        ),
        branch5=branch5,
        branch_pool=stage(
            pool=nn.MaxPool2d(3, stride=1, padding=1), project=conv_layer(in_channels, c_pool, 1, norm=norm)
        ),
    )
    if not residual:
        return branches
    linear = conv_layer(c1 + c3 + c5 + c_pool, out_channels, 1, norm=norm, activation=None)
    shortcut = None
    if in_channels != out_channels:
        shortcut = conv_layer(in_channels, out_channels, 1, norm=norm, activation=None)
    body = stage(branches=branches, linear=linear)
    return Residual(body=body, shortcut=shortcut, activation=nn.ReLU(), scale=0.2)


def auxiliary_head(in_channels: int, height: int, num_classes: int, norm: str) -> nn.Sequential:
    """Return the paper's auxiliary classifier (section 5) for feature maps of `height` pixels.

    Raises:
        ValueError: the maps are smaller than its 5x5 pooling.
    """
    if height < 5:
        remedy = "type model.aux_heads=false, or model.stem=auto with data.resize=17 or more"
        raise ValueError(f"auxiliary heads pool 5x5, and the maps are {height}x{height}\n{remedy}")
    side = (height - 5) // 3 + 1
    return stage(
        pool=nn.AvgPool2d(5, stride=3),
        conv=conv_layer(in_channels, 128, 1, norm=norm),
        flatten=nn.Flatten(),
        dense=stage(linear=nn.Linear(128 * side * side, 1024), act=nn.ReLU(), dropout=nn.Dropout(0.7)),
        output=nn.Linear(1024, num_classes),
    )
