"""Random changes of a training batch, every image its own, on the device where the batch is.

Shape:
    Input and output: (N, C, H, W), uint8.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

CROP_PADDING = 3  # of 28 pixels; the 4 of 32 that is usual on CIFAR (He et al. 2016, section 4.2), scaled
ERASE_PROBABILITY = 0.5  # this and the two below: Zhong et al. 2020, arXiv:1708.04896, section 4.1.2
ERASE_AREA = (0.02, 0.4)  # of the image
ERASE_ASPECT = (0.3, 1 / 0.3)  # height / width


def flip(images: Tensor) -> Tensor:
    """Mirror half of the images, left to right."""
    chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(chosen, images.flip(-1), images)


def crop(images: Tensor) -> Tensor:
    """Shift each image by up to `CROP_PADDING` pixels both ways; black moves in."""
    count, _, height, width = images.shape
    padded = F.pad(images, [CROP_PADDING] * 4)
    top, left = torch.randint(2 * CROP_PADDING + 1, (2, count, 1), device=images.device)
    rows = top + torch.arange(height, device=images.device)
    columns = left + torch.arange(width, device=images.device)
    image = torch.arange(count, device=images.device).view(-1, 1, 1)
    # Advanced indices on both sides of a slice put their own dimensions first: (N, H, W, C).
    return padded[image, :, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)


def erase(images: Tensor) -> Tensor:
    """Fill one rectangle with noise in half of the images.

    Deviations, each of which draws once where the paper draws again until the rectangle fits:
        * aspect ratio: paper uniform; here its logarithm, so that tall and wide are as likely.
        * size: a side that is longer than the image's is cut to it.
        * place: drawn among those where the rectangle fits.
    """
    count, _, height, width = images.shape

    def uniform(low: float, high: float) -> Tensor:
        return torch.empty(count, 1, 1, 1, device=images.device).uniform_(low, high)

    area = uniform(*ERASE_AREA) * height * width
    aspect = uniform(*torch.tensor(ERASE_ASPECT).log().tolist()).exp()
    tall = (area * aspect).sqrt().clamp(max=height).round()
    wide = (area / aspect).sqrt().clamp(max=width).round()
    top = (uniform(0, 1) * (height - tall + 1)).floor()
    left = (uniform(0, 1) * (width - wide + 1)).floor()
    y = torch.arange(height, device=images.device).view(-1, 1)
    x = torch.arange(width, device=images.device)
    inside = (y >= top) & (y < top + tall) & (x >= left) & (x < left + wide)
    noise = torch.randint_like(images, 256)
    return torch.where(inside & (uniform(0, 1) < ERASE_PROBABILITY), noise, images)


AUGMENTATIONS: dict[str, tuple[Callable[[Tensor], Tensor], ...]] = {
    "none": (),
    "flip": (flip,),
    "crop_flip": (crop, flip),
    "strong": (crop, flip, erase),
}
