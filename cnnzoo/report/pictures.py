"""Small pictures made of many, for TensorBoard: drawn in milliseconds, because runs wait for them.

All return (height, width, 3), uint8.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TILE, GAP, TEXT = 96, 6, 15  # pixels: of an image, between images, of a line of text
PAPER, INK, FRAME = (255, 255, 255), (26, 26, 27), (150, 160, 175)
CORNER = "row: true\ncolumn:\npredicted\n(%)"
CHANNELS, FILTERS = 12, 96  # that are shown of a stage and of a layer


def draw_images(images: np.ndarray, labels: Sequence[str], columns: int = 8) -> np.ndarray:
    """Return the images with a label of up to two lines below each; black is the least value of all of them.

    Shape:
        images: (N, H, W), any range.
    """
    columns = min(columns, len(images))
    lines = max(label.count("\n") for label in labels) + 1
    width, height = TILE + GAP, TILE + GAP + lines * TEXT
    sheet = Image.new("RGB", (GAP + columns * width, GAP + -(-len(images) // columns) * height), PAPER)
    draw = ImageDraw.Draw(sheet)
    low, high = images.min(), images.max()
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        x, y = GAP + index % columns * width, GAP + index // columns * height
        sheet.paste(_tile(image, low, high), (x, y))
        draw.multiline_text((x, y + TILE), label, fill=INK, font=_font(), spacing=2)
    return np.asarray(sheet)


def draw_filters(weights: np.ndarray) -> np.ndarray:
    """Return the filters of a layer, the first channel of each: grey is 0, black and white are the largest weight.

    Shape:
        weights: (filters, channels, height, width).
    """
    filters = weights[:FILTERS, 0]
    largest = np.abs(filters).max()
    columns = min(12, len(filters))
    step = TILE // 2 + GAP
    sheet = Image.new("RGB", (GAP + columns * step, GAP + -(-len(filters) // columns) * step), PAPER)
    for index, each in enumerate(filters):
        place = (GAP + index % columns * step, GAP + index // columns * step)
        sheet.paste(_tile(each, -largest, largest, size=TILE // 2), place)
    return np.asarray(sheet)


def draw_maps(image: np.ndarray, stages: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return an image and, in a row for each stage, the first feature maps that the net makes of it.

    Black and white are the least and the largest value of each map.

    Shape:
        image: (H, W).
        stages: (channels, height, width) by name.
    """
    left = 110
    shown = min(CHANNELS, max(len(maps) for maps in stages.values()))
    sheet = Image.new("RGB", (left + shown * (TILE + GAP), GAP + (1 + len(stages)) * (TILE + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    rows = {f"image\n{'x'.join(map(str, image.shape))}": image[None]}
    rows |= {f"{name}\n{'x'.join(map(str, maps.shape))}": maps[:shown] for name, maps in stages.items()}
    for row, (label, maps) in enumerate(rows.items()):
        y = GAP + row * (TILE + GAP)
        draw.multiline_text((GAP, y + TILE // 3), label, fill=INK, font=_font(), spacing=2)
        for column, each in enumerate(maps):
            x = left + column * (TILE + GAP)
            draw.rectangle((x - 1, y - 1, x + TILE, y + TILE), outline=FRAME)  # bright maps end somewhere, too
            sheet.paste(_tile(each, each.min(), each.max()), (x, y))
    return np.asarray(sheet)


def draw_confusion(counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Return the confusion matrix: of each true class (rows), the percentage that was taken for each (columns).

    Shape:
        counts: (classes, classes), whole numbers.
    """
    cell = 40
    font = _font()
    margin = GAP * 2 + int(max(font.getlength(text) for text in (*names, *CORNER.split("\n"))))
    sheet = Image.new("RGB", (margin + cell * len(names) + GAP,) * 2, PAPER)
    draw = ImageDraw.Draw(sheet)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    for (true, predicted), share in np.ndenumerate(shares):
        x, y = margin + predicted * cell, margin + true * cell
        # From white to a dark blue that still differs from black on a bad projector.
        color = tuple(int(255 - share * (255 - deep)) for deep in (0, 72, 140))
        draw.rectangle((x, y, x + cell - 2, y + cell - 2), fill=color, outline=(222, 222, 222))
        if share >= 0.005:
            ink = PAPER if share > 0.5 else INK
            draw.text((x + cell / 2, y + cell / 2), f"{int(100 * share + 0.5)}", fill=ink, font=font, anchor="mm")
    draw.multiline_text((GAP, GAP), CORNER, fill=INK, font=font, spacing=2)
    for index, name in enumerate(names):
        middle = margin + index * cell + cell / 2
        draw.text((margin - GAP, middle), name, fill=INK, font=font, anchor="rm")
        label = Image.new("RGB", (margin, TEXT), PAPER)
        ImageDraw.Draw(label).text((GAP, TEXT / 2), name, fill=INK, font=font, anchor="lm")
        sheet.paste(label.rotate(90, expand=True), (int(middle - TEXT / 2), 0))
    return np.asarray(sheet)


def _tile(values: np.ndarray, low: float, high: float, size: int = TILE) -> Image.Image:
    scaled = (values - low) / max(float(high - low), 1e-12) * 255
    image = Image.fromarray(scaled.clip(0, 255).astype(np.uint8))
    return image.resize((size, size), Image.Resampling.NEAREST if image.width <= size else Image.Resampling.BOX)


def _font() -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=12)
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
