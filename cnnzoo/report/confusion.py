"""The figure of what images of each class were taken for."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from cnnzoo.errors import UserError
from cnnzoo.record import CONFUSION
from cnnzoo.report.figures import label_of
from cnnzoo.report.runs import Row
from cnnzoo.report.style import style_of
from cnnzoo.report.texts import Language, say


def draw_confusion(rows: Sequence[Row], language: Language) -> Figure:
    """Return the confusion matrices of the rows side by side: of each true class, the percentage taken for each."""
    matrices = [matrix for row in rows if (matrix := _confusion(row))]
    columns = min(2, len(matrices))
    lines = -(-len(matrices) // columns)
    style, language = style_of(language)
    with rc_context(style | {"axes.grid": False}):
        figure = Figure(figsize=(4.6 * columns, 4.2 * lines), layout="constrained")
        for index, (label, names, counts) in enumerate(matrices):
            axes = figure.add_subplot(lines, columns, index + 1)
            shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
            axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
            for (true, predicted), share in np.ndenumerate(shares):
                if share >= 0.005:
                    color = "white" if share > 0.5 else "#1a1a1a"
                    axes.text(
                        predicted, true, f"{int(100 * share + 0.5)}", ha="center", va="center", fontsize=7, color=color
                    )
            axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor", fontsize=7)
            axes.set_yticks(range(len(names)), names, fontsize=7)
            axes.set_title(f"{label} (%)", fontsize=9)
            axes.set_xlabel(say(language, "predicted"), fontsize=8)
            axes.set_ylabel(say(language, "true"), fontsize=8)
    return figure


def _confusion(row: Row) -> tuple[str, list[str], np.ndarray] | None:
    """Return the label of a row, the classes, and how many images of each were taken for each, in all its runs."""
    total: np.ndarray | None = None
    names: list[str] = []
    for run in row["runs"]:
        path = Path(run["folder"]) / CONFUSION
        if run["status"] == "completed" and path.exists():
            try:
                with path.open(newline="", encoding="utf-8") as file:
                    header, *lines = [*csv.reader(file)] or [[]]
                counts = np.array([[int(value) for value in line[1:]] for line in lines])
                if counts.shape != (len(header) - 1, len(header) - 1) or not counts.size:
                    raise ValueError("it is no square of counts")
            except ValueError as error:
                raise UserError(f"{path} is damaged: {error}\nmend it, or move it away") from error
            if total is not None and (names != header[1:] or total.shape != counts.shape):
                continue  # of other classes
            names, total = header[1:], counts if total is None else total + counts
    return None if total is None else (label_of(row), names, total)


def has_confusion(row: Row) -> bool:
    """Say whether any run of the row left a confusion matrix."""
    return any((Path(run["folder"]) / CONFUSION).exists() for run in row["runs"] if run["status"] == "completed")
