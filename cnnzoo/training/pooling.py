"""Average pooling whose gradient a CPU computes faster in bfloat16."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHANNELS_LAST = torch.channels_last


class SpreadAvgPool2d(nn.AvgPool2d):
    """`nn.AvgPool2d(2)` with the same figures, to the bit; `speed_up` makes one of it.

    The gradient of a pixel is a quarter of that of its average, which torch 2.14 gathers pixel by pixel. In bfloat16 on
    a CPU that takes three times as long as to spread the quarters (`docs/decisions.md`), and nowhere else.

    Shape:
        Input:  (N, C, H, W).
        Output: (N, C, H // 2, W // 2).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the averages."""
        is_even = x.dim() == 4 and x.shape[2] % 2 == x.shape[3] % 2 == 0
        if not (is_even and x.requires_grad and x.dtype == torch.bfloat16):
            return super().forward(x)
        averages: Tensor = _Average.apply(x)
        return averages


class _Average(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.layout = CHANNELS_LAST if x.is_contiguous(memory_format=CHANNELS_LAST) else torch.contiguous_format
        return F.avg_pool2d(x, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        quarters = (gradient * 0.25).contiguous(memory_format=ctx.layout)
        return F.interpolate(quarters, scale_factor=2.0, mode="nearest")


def is_of_two(module: nn.Module) -> bool:
    """Say whether a module is torch's average pooling of 2x2 pixels at stride 2, without padding."""
    if type(module) is not nn.AvgPool2d or module.divisor_override is not None:
        return False
    sizes = [_pair(each) for each in (module.kernel_size, module.stride, module.padding)]
    return sizes == [(2, 2), (2, 2), (0, 0)] and not module.ceil_mode


def _pair(size: int | Sequence[int]) -> tuple[int, ...]:
    return (size, size) if isinstance(size, int) else tuple(size)
