"""Inception-ResNet: Inception blocks that learn what to add to their input."""

from torch import nn

from cnnzoo.blocks import Concat, ConvNet, Residual, choose_stem, conv_layer, pooled_head, stage
from cnnzoo.models.inception_v3 import averaged, classic_stem, conv, same, set_batch_norm_eps
from cnnzoo.models.inception_v4 import reduction_a
from cnnzoo.shapes import feature_shape


class InceptionResNetV1(ConvNet):
    """A stem, five residual Inception blocks A, ten B and five C, with reductions between them.

    Source: Szegedy, Ioffe, Vanhoucke, Alemi, Inception-v4, Inception-ResNet and the Impact of Residual Connections on
    Learning, AAAI 2017, arXiv:1602.07261, figures 10 to 15 and table 1.

    Shape:
        Input:  (N, in_channels, S, S), float; S >= 75 with the paper's stem, because the last reduction halves to zero
                below it. The small stem, used below 75 px, has padding, stride 1 but in its last step, and no pooling.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper or small.
        scale: factor on what a block adds; 0.1 to 0.3 in section 3.3.
        dropout: probability of dropping a feature before the output layer; 0.2 in the paper.

    Deviations:
        * batch norm: has a scale and torch's momentum, 0.1; that of the authors' code has no scale, and 0.0003.

    Raises:
        ValueError: an option is unknown, or image_size is too small.
    """

    def __init__(
        self, *, in_channels: int, num_classes: int, image_size: int, stem: str, scale: float, dropout: float
    ) -> None:
        super().__init__()
        self.stem = choose_stem(stem, image_size, paper_from=75)
        small = self.stem == "small"
        self.features = stage(
            **classic_stem(in_channels, small=small) | {"pool5": None},  # a convolution with stride 2 stands for it
            conv6=conv(192, 256, 3, stride=2, padding=1 if small else 0),
            **{f"block_a{number}": _block_a(256, (32, 32, 32), scale) for number in range(1, 6)},
            reduction_a=reduction_a(256, 192, 192, 256, 384),
            **{f"block_b{number}": _block_b(896, (128, 128, 128, 128), scale) for number in range(1, 11)},
            reduction_b=_reduction_b(896, 256, 256, 256),
            **{f"block_c{number}": _block_c(1792, (192, 192, 192), scale) for number in range(1, 6)},
        )
        feature_shape(self.features, in_channels, image_size)
        self.head = pooled_head(1792, num_classes, dropout=dropout)
        set_batch_norm_eps(self)


class InceptionResNetV2(ConvNet):
    """A stem, ten residual Inception blocks A, twenty B and ten C, with reductions between them.

    Source: the paper of `InceptionResNetV1`, figures 15 to 19, in the form in which its authors published code and
    weights: 55.84 million parameters with a scale in each batch norm, as here, and 55.81 million without, as there.

    Shape:
        Input:  (N, in_channels, S, S), float; S >= 75 with the paper's stem, because the last reduction halves to zero
                below it. The small stem, used below 75 px, has padding, stride 1 and no first pooling.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper or small.
        dropout: probability of dropping a feature before the output layer; 0.2 in the paper.

    Deviations:
        * stem: paper that of Inception v4; here Inception v3's and one Inception block, as in the authors' code.
        * blocks: paper 5, 10 and 5; here 10, 20 and 10, scaled by 0.17, 0.1 and 0.2, as in the authors' code. So are
          320, 1,088 and 2,080 channels from block to block (paper, figures 16, 17 and 19: 384, 1,154 and 2,048), a last
          block C without scale and ReLU, and a 1x1 convolution to 1,536 channels behind it.
        * average pooling of the first block: counts the padding; TensorFlow's, of the authors' code, does not.
        * batch norm: as in `InceptionResNetV1`.

    Raises:
        ValueError: an option is unknown, or image_size is too small.
    """

    def __init__(self, *, in_channels: int, num_classes: int, image_size: int, stem: str, dropout: float) -> None:
        super().__init__()
        self.stem = choose_stem(stem, image_size, paper_from=75)
        mixed = Concat(
            branch1=conv(192, 96, 1),
            branch5=stage(conv1=conv(192, 48, 1), conv2=conv(48, 64, 5, padding=2)),
            branch33=stage(conv1=conv(192, 64, 1), conv2=conv(64, 96, 3, padding=1), conv3=conv(96, 96, 3, padding=1)),
            branch_pool=averaged(192, 64),
        )
        self.features = stage(
            **classic_stem(in_channels, small=self.stem == "small"),
            mixed=mixed,
            **{f"block_a{number}": _block_a(320, (32, 48, 64), 0.17) for number in range(1, 11)},
            reduction_a=reduction_a(320, 256, 256, 384, 384),
            **{f"block_b{number}": _block_b(1088, (192, 128, 160, 192), 0.1) for number in range(1, 21)},
            reduction_b=_reduction_b(1088, 288, 288, 320),
            **{f"block_c{number}": _block_c(2080, (192, 224, 256), 0.2) for number in range(1, 10)},
            block_c10=_block_c(2080, (192, 224, 256), 1.0, activation=False),
            last=conv(2080, 1536, 1),
        )
        feature_shape(self.features, in_channels, image_size)
        self.head = pooled_head(1536, num_classes, dropout=dropout)
        set_batch_norm_eps(self)


def _residual(branches: Concat, channels: int, out_channels: int, scale: float, *, activation: bool = True) -> Residual:
    # The last 1x1 convolution is linear and without batch norm (figure 10: "Linear"; section 3.2).
    body = stage(branches=branches, linear=conv_layer(channels, out_channels, 1, activation=None))
    return Residual(body=body, activation=nn.ReLU() if activation else None, scale=scale)


def _block_a(channels: int, widths: tuple[int, int, int], scale: float) -> Residual:
    c1, c2, c3 = widths
    branches = Concat(
        branch1=conv(channels, c1, 1),
        branch3=stage(conv1=conv(channels, c1, 1), conv2=conv(c1, c1, 3, padding=1)),
        branch33=stage(conv1=conv(channels, c1, 1), conv2=conv(c1, c2, 3, padding=1), conv3=conv(c2, c3, 3, padding=1)),
    )
    return _residual(branches, 2 * c1 + c3, channels, scale)


def _block_b(channels: int, widths: tuple[int, int, int, int], scale: float) -> Residual:
    c1, c2, c3, c4 = widths
    branches = Concat(
        branch1=conv(channels, c1, 1),
        branch7=stage(conv1=conv(channels, c2, 1), conv2=same(c2, c3, (1, 7)), conv3=same(c3, c4, (7, 1))),
    )
    return _residual(branches, c1 + c4, channels, scale)


def _block_c(channels: int, widths: tuple[int, int, int], scale: float, *, activation: bool = True) -> Residual:
    c1, c2, c3 = widths
    branches = Concat(
        branch1=conv(channels, c1, 1),
        branch3=stage(conv1=conv(channels, c1, 1), conv2=same(c1, c2, (1, 3)), conv3=same(c2, c3, (3, 1))),
    )
    return _residual(branches, c1 + c3, channels, scale, activation=activation)


def _reduction_b(channels: int, c2: int, c3: int, c4: int) -> Concat:
    return Concat(
        pool=nn.MaxPool2d(3, stride=2),
        branch1=stage(conv1=conv(channels, 256, 1), conv2=conv(256, 384, 3, stride=2)),
        branch2=stage(conv1=conv(channels, 256, 1), conv2=conv(256, c2, 3, stride=2)),
        branch3=stage(conv1=conv(channels, 256, 1), conv2=conv(256, c3, 3, padding=1), conv3=conv(c3, c4, 3, stride=2)),
    )
