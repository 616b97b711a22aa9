"""Inception v3: factorised convolutions, batch norm, and the image halved in two branches at once."""

from functools import partial

from torch import nn

from cnnzoo.blocks import Concat, ConvNet, choose_stem, conv_layer, pooled_head, stage
from cnnzoo.shapes import feature_shape

BATCH_NORM_EPS = 1e-3  # of the Inception papers' code; torch's default is 1e-5

conv = partial(conv_layer, norm="batch")  # convolution, batch norm and ReLU


class InceptionV3(ConvNet):
    """A stem, three blocks at 35x35, a reduction, four at 17x17, another, and two at 8x8 (for images of 299 px).

    Source: Szegedy, Vanhoucke, Ioffe, Shlens, Wojna, Rethinking the Inception Architecture for Computer Vision,
    CVPR 2016, arXiv:1512.00567, table 1 and figures 5 to 10; channels as in the authors' code, and torchvision's.

    Shape:
        Input:  (N, in_channels, S, S), float; S >= 75 with the paper's stem, because the last reduction halves to zero
                below it. The small stem, used below 75 px, has padding, stride 1 and no first pooling. With the
                auxiliary head S >= 69 with the small stem, and S >= 299 with the paper's.
        Output: (N, num_classes), unnormalised logits.

    Args:
        in_channels: channels of the images.
        num_classes: number of logits.
        image_size: S, in pixels.
        stem: auto, paper or small.
        aux_heads: whether an auxiliary classifier helps training, on the last 17x17 block.
        dropout: probability of dropping a feature before the output layer; 0.5 in torchvision, 0.2 in the authors'
            code, not in the paper.

    Deviations, all but the last two as in the authors' code:
        * blocks: paper's table 1 five of figure 6 at 17x17; here four behind the reduction. The second reduction is
          not that of figure 10: a 1x1, a 1x7, a 7x1 and a 3x3 with stride 2 stand for its two 3x3 convolutions.
        * stem: paper's table 1 three 3x3 convolutions behind the pooling, of 80, 192 and 288 channels, the second with
          stride 2; here a 1x1 of 80 and a 3x3 of 192 channels, and pooling.
        * auxiliary head: paper's figure 8 has 1,024 features; here 768, as in the authors' code.
        * auxiliary loss: paper no weight given; here 0.4.
        * first three blocks: paper's figure 5 two 3x3 convolutions in place of every 5x5; here one branch has a 5x5.
        * average pooling: counts the padding, as torchvision's; TensorFlow's, of the authors' code, does not.
        * batch norm: has a scale and torch's momentum, 0.1, as torchvision's; that of the authors' code has no scale
          and 0.0003 (a decay of 0.9997). Its epsilon is that of their code.

    Raises:
        ValueError: an option is unknown, or image_size is too small.
    """

    aux_weight = 0.4

    def __init__(
        self, *, in_channels: int, num_classes: int, image_size: int, stem: str, aux_heads: bool, dropout: float
    ) -> None:
        super().__init__()
        self.stem = choose_stem(stem, image_size, paper_from=75)
        self.features = stage(
            **classic_stem(in_channels, small=self.stem == "small"),
            mixed5b=_block_a(192, 32),
            mixed5c=_block_a(256, 64),
            mixed5d=_block_a(288, 64),
            mixed6a=_reduction_a(288),
            mixed6b=_block_b(768, 128),
            mixed6c=_block_b(768, 160),
            mixed6d=_block_b(768, 160),
            mixed6e=_block_b(768, 192),
            mixed7a=_reduction_b(768),
            mixed7b=_block_c(1280),
            mixed7c=_block_c(2048),
        )
        feature_shape(self.features, in_channels, image_size)
        if aux_heads:
            height = feature_shape(self.features[:-3], in_channels, image_size)[1]
            self.aux["mixed6e"] = _auxiliary_head(768, height, num_classes)
        self.head = pooled_head(2048, num_classes, dropout=dropout)
        set_batch_norm_eps(self)


def classic_stem(in_channels: int, *, small: bool) -> dict[str, nn.Module | None]:
    """Return Inception v3's stem by its stages, up to 192 channels; the small one halves the image once, not thrice."""
    stride, padding = (1, 1) if small else (2, 0)
    return {
        "conv1": conv(in_channels, 32, 3, stride=stride, padding=padding),
        "conv2": conv(32, 32, 3, padding=padding),
        "conv3": conv(32, 64, 3, padding=1),
        "pool3": None if small else nn.MaxPool2d(3, stride=2),
        "conv4": conv(64, 80, 1),
        "conv5": conv(80, 192, 3, padding=padding),
        "pool5": nn.MaxPool2d(3, stride=2, padding=padding),
    }


def same(in_channels: int, out_channels: int, kernel_size: tuple[int, int]) -> nn.Sequential:
    """Return convolution, batch norm and ReLU, padded so that the image keeps its size."""
    height, width = kernel_size
    return conv(in_channels, out_channels, kernel_size, padding=(height // 2, width // 2))


def averaged(in_channels: int, out_channels: int) -> nn.Sequential:
    """Return the pooling branch: a 3x3 average and a 1x1 convolution."""
    return stage(pool=nn.AvgPool2d(3, stride=1, padding=1), conv=conv(in_channels, out_channels, 1))


def set_batch_norm_eps(net: nn.Module) -> None:
    """Set the epsilon of the Inception papers' code."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = BATCH_NORM_EPS


def _block_a(in_channels: int, pool_channels: int) -> Concat:
    return Concat(
        branch1=conv(in_channels, 64, 1),
        branch5=stage(conv1=conv(in_channels, 48, 1), conv2=conv(48, 64, 5, padding=2)),
        branch3=stage(
            conv1=conv(in_channels, 64, 1), conv2=conv(64, 96, 3, padding=1), conv3=conv(96, 96, 3, padding=1)
        ),
        branch_pool=averaged(in_channels, pool_channels),
    )


def _reduction_a(in_channels: int) -> Concat:
    return Concat(
        branch3=conv(in_channels, 384, 3, stride=2),
        branch33=stage(
            conv1=conv(in_channels, 64, 1), conv2=conv(64, 96, 3, padding=1), conv3=conv(96, 96, 3, stride=2)
        ),
        pool=nn.MaxPool2d(3, stride=2),
    )


def _block_b(in_channels: int, mid_channels: int) -> Concat:
    c = mid_channels
    return Concat(
        branch1=conv(in_channels, 192, 1),
        branch7=stage(conv1=conv(in_channels, c, 1), conv2=same(c, c, (1, 7)), conv3=same(c, 192, (7, 1))),
        branch77=stage(
            conv1=conv(in_channels, c, 1),
            conv2=same(c, c, (7, 1)),
            conv3=same(c, c, (1, 7)),
            conv4=same(c, c, (7, 1)),
            conv5=same(c, 192, (1, 7)),
        ),
        branch_pool=averaged(in_channels, 192),
    )


def _reduction_b(in_channels: int) -> Concat:
    return Concat(
        branch3=stage(conv1=conv(in_channels, 192, 1), conv2=conv(192, 320, 3, stride=2)),
        branch7=stage(
            conv1=conv(in_channels, 192, 1),
            conv2=same(192, 192, (1, 7)),
            conv3=same(192, 192, (7, 1)),
            conv4=conv(192, 192, 3, stride=2),
        ),
        pool=nn.MaxPool2d(3, stride=2),
    )


def _block_c(in_channels: int) -> Concat:
    def split() -> Concat:
        return Concat(wide=same(384, 384, (1, 3)), tall=same(384, 384, (3, 1)))

    return Concat(
        branch1=conv(in_channels, 320, 1),
        branch3=stage(conv1=conv(in_channels, 384, 1), split=split()),
        branch33=stage(conv1=conv(in_channels, 448, 1), conv2=conv(448, 384, 3, padding=1), split=split()),
        branch_pool=averaged(in_channels, 192),
    )


def _auxiliary_head(in_channels: int, height: int, num_classes: int) -> nn.Sequential:
    if (height - 5) // 3 + 1 < 5:
        needs = f"the auxiliary head needs maps of at least 17x17 (got {height})"
        raise ValueError(
            f"{needs}\ntype model.aux_heads=false, or model.stem=small with data.resize=69 or more, or data.resize=299"
        )
    return stage(
        pool=nn.AvgPool2d(5, stride=3),
        conv1=conv(in_channels, 128, 1),
        conv2=conv(128, 768, 5),
        average=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        output=nn.Linear(768, num_classes),
    )
