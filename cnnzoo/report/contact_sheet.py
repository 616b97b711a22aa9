"""Labelled images side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

CELL_INCHES = 0.6


def save_contact_sheet(rows: np.ndarray, labels: Sequence[str], title: str, path: Path) -> None:
    """Write a PNG with one labelled row of images per class.

    Shape:
        rows: (classes, images, H, W), uint8; black is 0.
    """
    classes, columns, height, width = rows.shape
    sheet = rows.swapaxes(1, 2).reshape(classes * height, columns * width)
    # Constrained layout makes room for the labels, however long they are.
    figure = Figure(figsize=(CELL_INCHES * columns + 1.4, CELL_INCHES * classes + 0.5), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_yticks([(row + 0.5) * height for row in range(classes)], labels)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, loc="left", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
