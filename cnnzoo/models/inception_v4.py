"""Inception v4: a deeper stem and more, more uniform, Inception blocks."""

from torch import nn

from cnnzoo.blocks import Concat, ConvNet, choose_stem, pooled_head, stage
from cnnzoo.models.inception_v3 import averaged, conv, same, set_batch_norm_eps
from cnnzoo.shapes import feature_shape


class InceptionV4(ConvNet):
    """A stem, four blocks A, seven B and three C, with reductions between them.

    Source: Szegedy, Ioffe, Vanhoucke, Alemi, Inception-v4, Inception-ResNet and the Impact of Residual Connections on
    Learning, AAAI 2017, arXiv:1602.07261, figures 3 to 9 and table 1.

    Shape:
        Input:  (N, in_channels, S, S), float; S >= 75 with the paper's stem, because the last reduction halves to zero
                below it. The small stem, used below 75 px, has padding and stride 1 but in its last step.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper or small.
        dropout: probability of dropping a feature before the output layer; 0.2 in the paper.

    Deviations:
        * figures: paper's figure 5 has two 1x7 convolutions in its second branch, and figure 3 no stride at the stem's
          last 3x3; here a 1x7 and a 7x1, and stride 2, as in the authors' code.
        * average pooling: counts the padding, as torchvision's Inception v3 does; TensorFlow's, of the authors' code,
          does not.
        * batch norm: has a scale and torch's momentum, 0.1; that of the authors' code has no scale, and 0.0003.

    Raises:
        ValueError: an option is unknown, or image_size is too small.
    """

    def __init__(self, *, in_channels: int, num_classes: int, image_size: int, stem: str, dropout: float) -> None:
        super().__init__()
        self.stem = choose_stem(stem, image_size, paper_from=75)
        self.features = stage(
            **_stem(in_channels, small=self.stem == "small"),
            **{f"inception_a{number}": _block_a() for number in range(1, 5)},
            reduction_a=reduction_a(384, 192, 224, 256, 384),
            **{f"inception_b{number}": _block_b() for number in range(1, 8)},
            reduction_b=_reduction_b(),
            **{f"inception_c{number}": _block_c() for number in range(1, 4)},
        )
        feature_shape(self.features, in_channels, image_size)
        self.head = pooled_head(1536, num_classes, dropout=dropout)
        set_batch_norm_eps(self)


def reduction_a(in_channels: int, k: int, l: int, m: int, n: int) -> Concat:  # noqa: E741
    """Return the first reduction (figure 7), with the paper's letters for its channels (table 1)."""
    return Concat(
        pool=nn.MaxPool2d(3, stride=2),
        branch3=conv(in_channels, n, 3, stride=2),
        branch33=stage(conv1=conv(in_channels, k, 1), conv2=conv(k, l, 3, padding=1), conv3=conv(l, m, 3, stride=2)),
    )


def _stem(in_channels: int, *, small: bool) -> dict[str, nn.Module]:
    stride, padding = (1, 1) if small else (2, 0)
    return {
        "conv1": conv(in_channels, 32, 3, stride=stride, padding=padding),
        "conv2": conv(32, 32, 3, padding=padding),
        "conv3": conv(32, 64, 3, padding=1),
        "mixed3": Concat(
            pool=nn.MaxPool2d(3, stride=stride, padding=padding),
            branch3=conv(64, 96, 3, stride=stride, padding=padding),
        ),
        "mixed4": Concat(
            branch3=stage(conv1=conv(160, 64, 1), conv2=conv(64, 96, 3, padding=padding)),
            branch7=stage(
                conv1=conv(160, 64, 1),
                conv2=same(64, 64, (7, 1)),
                conv3=same(64, 64, (1, 7)),
                conv4=conv(64, 96, 3, padding=padding),
            ),
        ),
        "mixed5": Concat(
            branch3=conv(192, 192, 3, stride=2, padding=padding), pool=nn.MaxPool2d(3, stride=2, padding=padding)
        ),
    }


def _block_a() -> Concat:
    return Concat(
        branch_pool=averaged(384, 96),
        branch1=conv(384, 96, 1),
        branch3=stage(conv1=conv(384, 64, 1), conv2=conv(64, 96, 3, padding=1)),
        branch33=stage(conv1=conv(384, 64, 1), conv2=conv(64, 96, 3, padding=1), conv3=conv(96, 96, 3, padding=1)),
    )


def _block_b() -> Concat:
    return Concat(
        branch_pool=averaged(1024, 128),
        branch1=conv(1024, 384, 1),
        branch7=stage(conv1=conv(1024, 192, 1), conv2=same(192, 224, (1, 7)), conv3=same(224, 256, (7, 1))),
        branch77=stage(
            conv1=conv(1024, 192, 1),
            conv2=same(192, 192, (1, 7)),
            conv3=same(192, 224, (7, 1)),
            conv4=same(224, 224, (1, 7)),
            conv5=same(224, 256, (7, 1)),
        ),
    )


def _reduction_b() -> Concat:
    return Concat(
        pool=nn.MaxPool2d(3, stride=2),
        branch3=stage(conv1=conv(1024, 192, 1), conv2=conv(192, 192, 3, stride=2)),
        branch7=stage(
            conv1=conv(1024, 256, 1),
            conv2=same(256, 256, (1, 7)),
            conv3=same(256, 320, (7, 1)),
            conv4=conv(320, 320, 3, stride=2),
        ),
    )


def _block_c() -> Concat:
    def split(in_channels: int) -> Concat:
        return Concat(wide=same(in_channels, 256, (1, 3)), tall=same(in_channels, 256, (3, 1)))

    return Concat(
        branch_pool=averaged(1536, 256),
        branch1=conv(1536, 256, 1),
        branch3=stage(conv1=conv(1536, 384, 1), split=split(384)),
        branch33=stage(
            conv1=conv(1536, 384, 1), conv2=same(384, 448, (1, 3)), conv3=same(448, 512, (3, 1)), split=split(512)
        ),
    )
