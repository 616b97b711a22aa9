"""python -m cnnzoo.scratch.pointwise: a 1x1 convolution is a dense layer that is applied to every pixel.

Source: Lin et al., Network In Network, ICLR 2014, arXiv:1312.4400, section 3.1; Zhang et al., Dive into Deep Learning,
section 7.4.3.
"""

import torch
from torch import Tensor

from cnnzoo.scratch.convolution import Conv2d


def dense_per_pixel(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return maps (N, O, H, W): every pixel's channels (N, C, H, W) times `weight` (O, C), plus `bias` (O)."""
    pixels = x.permute(0, 2, 3, 1)  # (N, H, W, C): the pixels are the batch of a dense layer
    return (pixels @ weight.T + bias).permute(0, 3, 1, 2)


def main() -> None:
    """Compute the same maps both ways and print how far they differ."""
    torch.manual_seed(0)
    x, conv = torch.randn(2, 3, 5, 5), Conv2d(3, 4, 1)
    assert conv.bias is not None
    convolved = conv(x)
    dense = dense_per_pixel(x, conv.weight[:, :, 0, 0], conv.bias)
    print(f"1x1 convolution {tuple(convolved.shape)}, dense layer {tuple(dense.shape)}")
    print(f"largest difference: {(convolved - dense).abs().max().item():.1e}")
    assert torch.allclose(convolved, dense, atol=1e-6)


if __name__ == "__main__":
    main()
