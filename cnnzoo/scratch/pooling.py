"""Pooling: of every window only the largest value or the mean is kept."""

from torch import Tensor
from torch.nn import functional as F

from cnnzoo.scratch.convolution import slide


def pool2d(
    x: Tensor, window: tuple[int, int], *, mode: str = "max", stride: int | None = None, padding: int = 0
) -> Tensor:
    """Return the largest value or the mean of every window, map by map.

    Source: Zhang et al., Dive into Deep Learning, section 7.5.

    Shape:
        Input:  (..., H, W); floating-point for avg, and where there is padding.
        Output: (..., (H + 2 * padding - h) // stride + 1, (W + 2 * padding - w) // stride + 1).

    Args:
        x: the maps.
        window: h and w, in pixels.
        mode: max or avg.
        stride: how far the window moves, down and right; by default its own height and width, so that none overlap.
        padding: rows and columns on every side: of minus infinity for max, of zeros (which count in the mean) for avg.

    Deviations:
        * stride: the book's pool2d moves by one pixel (here `stride=1`); without one, here as in torch by the window.

    Raises:
        ValueError: `mode` is unknown, the window larger than the padded image, or the padding than half the window.
    """
    if mode not in ("max", "avg"):
        raise ValueError(f"mode must be max or avg (got {mode!r})")
    if not 0 <= padding <= min(window) // 2:
        raise ValueError(f"padding must be 0 to half of the window (got {padding})")
    padded = F.pad(x, (padding,) * 4, value=-float("inf") if mode == "max" else 0.0)
    return slide(
        padded,
        window,
        window if stride is None else (stride, stride),
        lambda values: values.flatten(-2).max(dim=-1).values if mode == "max" else values.mean(dim=(-2, -1)),
    )
