"""A picture from anywhere, made into what the nets were trained on: grey, square, bright on a black background."""

import warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from cnnzoo.data.transform import resize
from cnnzoo.errors import UserError

LARGE = 2048  # pixels of a side; nothing that a net sees is lost
BRIGHT = 128  # a background above it is taken for one that has to be inverted


def read_photo(path: Path) -> Image.Image:
    """Return the picture in the file at `path`, upright, and no larger than needed.

    Raises:
        UserError: there is none that can be read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                return _shrink(picture.copy())
    except IsADirectoryError:
        raise UserError(f"{path} is a folder, and no picture\ntype python -m cnnzoo predict RUN PICTURE") from None
    except FileNotFoundError:
        raise UserError(f"no picture at {path}\ntype the names of image files, such as shirt.png") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UserError(f"{path} has too many pixels to be opened safely\nmake it smaller first") from None
    except Exception as error:  # Pillow's decoders raise errors of a dozen kinds
        raise UserError(
            f"{path} is not a picture that can be read: {error}\ntype the name of a PNG or JPEG file"
        ) from error


def to_pixels(picture: Image.Image, size: int, *, invert: bool = False) -> Tensor:
    """Return the picture as uint8 of shape (1, size, size), padded to a square with black and not stretched.

    Args:
        picture: of any size and mode; what is transparent becomes background.
        size: pixels.
        invert: make what is bright dark, for pictures with a bright background.
    """
    picture = _shrink(picture)
    background = "white" if invert else "black"
    canvas = Image.new("RGBA", picture.size, background)
    grey = Image.alpha_composite(canvas, picture.convert("RGBA")).convert("L")
    grey = ImageOps.pad(ImageOps.invert(grey) if invert else grey, (max(grey.size),) * 2, color=0)
    return resize(torch.from_numpy(np.array(grey))[None], size)


def has_bright_background(picture: Image.Image) -> bool:
    """Say whether most of the picture's edge is bright."""
    pixels = np.array(Image.alpha_composite(Image.new("RGBA", picture.size), picture.convert("RGBA")))
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool(np.median(edge[:, :3].mean(1)) > BRIGHT)


def _shrink(picture: Image.Image) -> Image.Image:
    picture = _to_eight_bits(ImageOps.exif_transpose(picture))  # which phones leave to who shows it
    if max(picture.size) > LARGE:  # padding makes a square of it
        width, height = (max(1, round(side * LARGE / max(picture.size))) for side in picture.size)
        picture = picture.resize((width, height))
    return picture


def _to_eight_bits(picture: Image.Image) -> Image.Image:
    if not picture.mode.startswith(("I", "F")):  # PIL cuts these off at 255
        return picture
    values = np.nan_to_num(np.array(picture, dtype=np.float64), posinf=0, neginf=0).clip(0)
    ranges = (65535.0,) if picture.mode.startswith("I;16") else (1.0, 255.0, 65535.0)
    high = next((each for each in ranges if values.max() <= each), values.max())
    return Image.fromarray((values / high * 255).round().astype(np.uint8))
