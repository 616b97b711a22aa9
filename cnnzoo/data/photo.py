"""A picture from anywhere, made into what the nets were trained on: grey, square, bright on a black background."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from cnnzoo.data.transform import resize
from cnnzoo.errors import UserError

BRIGHT = 128  # a background above it is taken for one that has to be inverted


def read_photo(path: Path) -> Image.Image:
    """Return the picture in the file at `path`, upright.

    Raises:
        UserError: there is none that can be read.
    """
    try:
        with Image.open(path) as picture:
            return ImageOps.exif_transpose(picture.copy())
    except FileNotFoundError:
        raise UserError(f"no picture at {path}\ntype the names of image files, such as shirt.png") from None
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a picture that can be read: {error}\ntype another") from error


def to_pixels(picture: Image.Image, size: int, *, invert: bool = False) -> Tensor:
    """Return the picture as uint8 of shape (1, size, size), padded to a square with black and not stretched.

    Args:
        picture: of any size and mode; what is transparent becomes background.
        size: pixels.
        invert: make what is bright dark, for pictures with a bright background.
    """
    background = "white" if invert else "black"
    canvas = Image.new("RGBA", picture.size, background)
    grey = Image.alpha_composite(canvas, _to_eight_bits(picture).convert("RGBA")).convert("L")
    grey = ImageOps.pad(ImageOps.invert(grey) if invert else grey, (max(grey.size),) * 2, color=0)
    return resize(torch.from_numpy(np.array(grey))[None], size)


def has_bright_background(picture: Image.Image) -> bool:
    """Say whether most of the picture's edge is bright."""
    pixels = np.array(Image.alpha_composite(Image.new("RGBA", picture.size), _to_eight_bits(picture).convert("RGBA")))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool(np.median(edge[:, :3].mean(1)) > BRIGHT)


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    if not picture.mode.startswith(("I", "F")):  # PIL cuts these off at 255
        return picture
    values = np.array(picture, dtype=np.float64)
    low, high = values.min(), values.max()
    return Image.fromarray(((values - low) / max(high - low, 1e-9) * 255).round().astype(np.uint8))
