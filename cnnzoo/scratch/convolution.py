"""Convolution, which in a net is cross-correlation: a window slides over the image and is weighted and summed."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def slide(x: Tensor, window: tuple[int, int], stride: tuple[int, int], reduce: Callable[[Tensor], Tensor]) -> Tensor:
    """Return what `reduce` makes of every window of `x`, arranged as the windows are; `stride` is down and right.

    Shape:
        Input:  (..., H, W).
        Output: (..., (H - h) // down + 1, (W - w) // right + 1), where `reduce` takes (..., h, w) to (...).

    Raises:
        ValueError: the window is larger than the image, or stands still.
    """
    (height, width), (h, w), (down, right) = x.shape[-2:], window, stride
    if min(stride) < 1:
        raise ValueError(f"stride must be at least 1 (got {min(stride)})")
    if h > height or w > width:
        raise ValueError(f"a window of {h}x{w} does not fit into an image of {height}x{width}")
    rows = []
    for top in range(0, height - h + 1, down):
        row = [reduce(x[..., top : top + h, left : left + w]) for left in range(0, width - w + 1, right)]
        rows.append(torch.stack(row, dim=-1))
    return torch.stack(rows, dim=-2)


def corr2d(x: Tensor, kernel: Tensor) -> Tensor:
    """Return the cross-correlation of one map with one kernel.

    Source: Zhang et al., Dive into Deep Learning, section 7.2.1.

    Shape:
        Input:  (H, W) and (h, w).
        Output: (H - h + 1, W - w + 1).

    Raises:
        ValueError: the kernel is larger than the map.
    """
    h, w = kernel.shape
    return slide(x, (h, w), (1, 1), lambda window: (window * kernel).sum(dim=(-2, -1)))


class Conv2d(nn.Module):
    """A convolution: every output map sums a window of every input map, weighted by a kernel of its own, plus a bias.

    Source: Zhang et al., Dive into Deep Learning, sections 7.3 and 7.4.

    Shape:
        Input:  (N, in_channels, H, W).
        Output: (N, out_channels, (H + 2 * padding - h) // stride + 1, (W + 2 * padding - w) // stride + 1).

    Args:
        in_channels: maps of the input.
        out_channels: maps of the output.
        kernel_size: h and w, or one number for both.
        stride: how far the window moves, in pixels.
        padding: rows and columns of zeros on every side.
        bias: whether each output map has a bias.

    Deviations:
        None: weights have torch's names, shapes and initial distribution.

    Raises:
        ValueError: (when called) the kernel is larger than the padded image, or the stride is below 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        h, w = (kernel_size, kernel_size) if isinstance(kernel_size, int) else kernel_size
        self.stride, self.padding = stride, padding
        bound = 1 / math.sqrt(in_channels * h * w)
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, h, w).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Return the output maps."""
        p, (h, w) = self.padding, self.weight.shape[-2:]
        maps = slide(
            F.pad(x, (p, p, p, p)),
            (h, w),
            (self.stride, self.stride),
            lambda window: torch.einsum("nchw,ochw->no", window, self.weight),
        )
        return maps if self.bias is None else maps + self.bias[:, None, None]
