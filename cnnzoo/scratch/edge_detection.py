"""python -m cnnzoo.scratch.edge_detection: a kernel that finds vertical edges is learned from an image and its edges.

Source: Zhang et al., Dive into Deep Learning, sections 7.2.3 and 7.2.4.
"""

import torch
from torch import Tensor

from cnnzoo.scratch.convolution import Conv2d, corr2d

EDGE_KERNEL = torch.tensor([[1.0, -1.0]])  # left pixel minus right pixel


def black_bar() -> Tensor:
    """Return a white image (6, 8) with a black bar in the middle."""
    image = torch.ones(6, 8)
    image[:, 2:6] = 0
    return image


def learn_kernel(image: Tensor, edges: Tensor, *, steps: int = 100, lr: float = 0.03) -> Tensor:
    """Return the kernel (1, 2) that gradient descent finds to turn `image` into `edges`."""
    conv = Conv2d(1, 1, (1, 2), bias=False)
    for _ in range(steps):
        error = ((conv(image[None, None])[0, 0] - edges) ** 2).sum()
        (gradient,) = torch.autograd.grad(error, conv.weight)
        with torch.no_grad():
            conv.weight.sub_(lr * gradient)
    return conv.weight.detach()[0, 0]


def main() -> None:
    """Learn the kernel from one image and print what was found."""
    torch.manual_seed(0)
    image = black_bar()
    edges = corr2d(image, EDGE_KERNEL)
    print(f"image, one row: {image[0].tolist()}")
    print(f"its edges:      {edges[0].tolist()}")
    assert edges[0].tolist() == [0, 1, 0, 0, 0, -1, 0]
    assert corr2d(image.T, EDGE_KERNEL).abs().sum() == 0  # this kernel does not see horizontal edges
    kernel = learn_kernel(image, edges)
    print(f"learned kernel: {[round(weight, 4) for weight in kernel[0].tolist()]}")
    print(f"theirs:         {EDGE_KERNEL[0].tolist()}")
    assert torch.allclose(kernel, EDGE_KERNEL, atol=1e-3)


if __name__ == "__main__":
    main()
