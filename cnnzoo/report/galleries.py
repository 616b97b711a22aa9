"""Several trained nets beside each other: what their stages make of the same image, see of it, and begin with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from textwrap import wrap
from typing import Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cnnzoo.report.style import COLORS, style_of
from cnnzoo.report.texts import Language, say

Align = Literal["depth", "field"]
SHOWN, FILTERS = 4, 32  # feature maps of a stage, filters of a net
ALIKE = 0.9  # correlation, or its opposite, from which on a map says little beside another
# Shares of the image's height that are seen.
BINS: tuple[float, ...] = (0, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, float("inf"))
INCHES, TITLED = 1.35, 3.2  # of a cell; a figure is at least as wide as its title
LABEL, TITLE = 8.5, 10  # points, to be read on a wall
LINE = 1.35 / 72  # inches that a line takes for each point of its letters
GAP = 0.12  # inches between rows
DOTS = 96  # at least so many of a map's height, so that what lies between maps is narrow
LONG = 6  # stages in one line, at most: on a page of paper letters stay readable
WIDE = 40  # characters above a sheet of filters
FIELD = COLORS[1]
GROUND = "#dbe4ee"  # between maps, none of which is blue


@dataclass(frozen=True)
class Stage:
    """One stage of a net.

    Attributes:
        name: as in the paper's table.
        maps: (channels, height, width) that it makes of an image.
        field: pixels of the image that one of its units sees, (rows, columns).
    """

    name: str
    maps: np.ndarray
    field: tuple[int, int]


@dataclass(frozen=True)
class Traced:
    """A net and what it makes of one image.

    Attributes:
        label: its name.
        image: (height, width), as the net sees it.
        said: what it takes the image for, how sure it is, and whether that is right, as far as it is known.
        stages: from the image on.
        filters: (filters, channels, height, width) of its first convolution, or None.
    """

    label: str
    image: np.ndarray
    said: str
    stages: Sequence[Stage]
    filters: np.ndarray | None


def draw_gallery(nets: Sequence[Traced], title: str, align: Align, language: Language = "en") -> Figure:
    """Return a row for each net: the image, then its stages, each with maps that vary much and are unlike one another.

    Columns are stages by their number, or by how much of the image their units see; of those that would share a column
    the last is shown, which the title says. A row with many stages goes on below.
    """
    rows = [list(net.stages) if align == "depth" else _by_field(net) for net in nets]
    ends = BINS[1:]
    if align == "field":
        used = [place for place in range(len(ends)) if any(row[place] for row in rows)]
        rows, ends = [[row[place] for place in used] for row in rows], tuple(ends[place] for place in used)
    style, language = style_of(language)
    if sum(len(net.stages) for net in nets) > sum(stage is not None for row in rows for stage in row):
        title += say(language, "last_of_column")
    if any(len(stage.maps) > SHOWN for net in nets for stage in net.stages):
        title += f"\n{say(language, 'some_maps', count=SHOWN)}"
    lines = [(net, row, start) for net, every in zip(nets, rows, strict=True) for start, row in _in_lines(every)]
    columns = max(len(line) for _, line, _ in lines)
    titles = ["" if start else _name(net, language) for net, _, start in lines]
    size = _size(columns + 1, [_lines(each, 3) for each in titles], title, below=2 if align == "field" else 0)
    with rc_context(style | {"axes.grid": False}):
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(len(lines), columns + 1, squeeze=False)
        for (net, line, _), above, (first, *others) in zip(lines, titles, grid, strict=True):
            if above:
                _show(first, net.image, above)
            else:
                _leave_blank(first)
            for axes, stage in zip(others, [*line, *[None] * (columns - len(line))], strict=True):
                if stage is None:
                    _leave_blank(axes)
                    continue
                shape = "x".join(map(str, stage.maps.shape))
                seen = say(language, "sees", seen=_seen(stage, net, language))
                _show(axes, _mosaic(stage.maps), f"{stage.name}\n{shape}\n{seen}")
            if others and not net.stages:
                others[0].set_title(say(language, "no_maps"), fontsize=LABEL, loc="left")
        if align == "field":
            for axes, high in zip(grid[-1][1:], ends, strict=True):
                key = "more_than_image" if high == float("inf") else "up_to_image" if high == 1 else "up_to"
                axes.set_xlabel(say(language, key, share=Fraction(high) if high <= 1 else ""), fontsize=LABEL)
        figure.suptitle(title, fontsize=TITLE, x=0.01, ha="left")
        figure.draw_without_rendering()  # the layout knows only then how high pictures are
    return figure


def _in_lines(row: Sequence[Stage | None]) -> list[tuple[int, Sequence[Stage | None]]]:
    """Return the row in lines of about the same length, each with the place at which it begins."""
    count = -(-len(row) // LONG) or 1
    length = -(-len(row) // count) or 1
    return [(start, row[start : start + length]) for start in range(0, len(row) or 1, length)]


def _name(net: Traced, language: Language) -> str:
    return f"{_wrapped(net.label)}\n{_wrapped(say(language, 'predicts', said=net.said))}"


def _size(columns: int, lines: Sequence[int], title: str, below: int = 0) -> tuple[float, float]:
    """Return the width and height of a figure in inches.

    Args:
        columns: how many cells stand side by side.
        lines: of what is written above each row of cells.
        title: above all.
        below: lines below all.
    """
    written = LABEL * LINE * (sum(lines) + below) + TITLE * LINE * _lines(title)
    return max(TITLED, INCHES * columns), INCHES * len(lines) + written + GAP * (len(lines) + 1)


def _lines(text: str, least: int = 1) -> int:
    return max(least, text.count("\n") + 1)


def _leave_blank(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.patch.set_visible(False)
    axes.set_box_aspect(1)  # as high as a picture, for what stands below it


def _seen(stage: Stage, net: Traced, language: Language) -> str:
    """Return in words how much of the image's height a unit sees."""
    seen, height = stage.field[0], len(net.image)
    return say(language, "seen" if seen <= height else "all_seen", seen=seen, height=height)


def draw_fields(nets: Sequence[Traced], title: str, language: Language = "en") -> Figure:
    """Return a row for each net that has stages: the image with what a unit in the middle of each sees of it.

    Of stages that see all of it the first is shown. A row with many stages goes on below.
    """
    nets = [net for net in nets if net.stages]
    seen = [1 + sum(stage.field[0] <= len(net.image) for stage in net.stages) for net in nets]
    shown = [(net, net.stages[:count]) for net, count in zip(nets, seen, strict=True)]
    lines = [(net, row, start) for net, every in shown for start, row in _in_lines(every)]
    labels = ["" if start else f"{_wrapped(net.label)}\n" for net, _, start in lines]
    columns = max(len(row) for _, row, _ in lines)
    style, language = style_of(language)
    title += f"\n{say(language, 'square')}"
    with rc_context(style | {"axes.grid": False}):
        figure = Figure(figsize=_size(columns, [each.count("\n") + 2 for each in labels], title), layout="constrained")
        figure.suptitle(title, fontsize=TITLE, x=0.01, ha="left")
        grid = figure.subplots(len(lines), columns, squeeze=False)
        for (net, stages, _), label, cells in zip(lines, labels, grid, strict=True):
            height, width = net.image.shape
            for axes, stage in zip(cells, [*stages, *[None] * (columns - len(stages))], strict=True):
                if stage is None:
                    _leave_blank(axes)
                    continue
                rows, wide = (min(size, whole) for size, whole in zip(stage.field, (height, width), strict=True))
                place = ((width - wide) / 2 - 0.5, (height - rows) / 2 - 0.5)
                above = label if stage is stages[0] else ""
                _show(axes, net.image, f"{above}{stage.name}\n{_seen(stage, net, language)}")
                for color, line in (("black", 3.0), (FIELD, 1.6)):  # to be seen on black and on white
                    axes.add_patch(Rectangle(place, wide, rows, fill=False, edgecolor=color, lw=line, clip_on=False))
        figure.draw_without_rendering()
    return figure


def draw_first_filters(nets: Sequence[Traced], language: Language = "en") -> Figure:
    """Return the filters of the nets' first convolutions side by side; grey is 0."""
    known = [(net.label, net.filters[:, 0]) for net in nets if net.filters is not None]
    style, language = style_of(language)
    with rc_context(style | {"axes.grid": False}):
        figure = Figure(figsize=(2.6 * len(known), 1.9), layout="constrained")
        for axes, (label, every) in zip(figure.subplots(1, len(known), squeeze=False)[0], known, strict=True):
            filters = every[:FILTERS]
            columns = round((2 * len(filters)) ** 0.5)  # a sheet about twice as wide as high
            rows = -(-len(filters) // columns)
            size = filters.shape[1] + 1
            sheet = np.full((rows * size - 1, columns * size - 1), np.nan)
            for index, each in enumerate(filters):
                y, x = index // columns * size, index % columns * size
                sheet[y : y + size - 1, x : x + size - 1] = each
            most_extreme = np.nanmax(np.abs(sheet))
            key = "some_filters" if len(every) > FILTERS else "filters"
            told = say(language, key, some=len(filters), all=len(every), size=f"{size - 1}x{size - 1}")
            axes.set_anchor("NW")
            _show(axes, sheet, f"{_wrapped(label, WIDE)}\n{told}", low=-most_extreme, high=most_extreme)
    return figure


def _wrapped(label: str, width: int = 19) -> str:
    """Return a label in lines that are no wider than a cell; a word that is wider is broken behind `=`."""
    words = [word if len(word) <= width else word.replace("=", "= ") for word in label.split(" ")]
    # A Chinese letter takes two places: before each stands, until the lines are made, a sign that takes none.
    counted = re.sub("([\u2e80-\uffef])", "\u200b\\1", " ".join(words))
    return "\n".join(wrap(counted, width, break_long_words="\u200b" in counted)).replace("\u200b", "")


def _by_field(net: Traced) -> list[Stage | None]:
    """Return the last stage in each of `BINS`."""
    placed: list[Stage | None] = [None] * (len(BINS) - 1)
    for stage in net.stages:
        share = stage.field[0] / net.image.shape[0]
        placed[next(index for index, (low, high) in enumerate(pairwise(BINS)) if low < share <= high)] = stage
    return placed


def _mosaic(maps: np.ndarray) -> np.ndarray:
    """Return some of the maps in a square, or the only one, each from its least to its largest value."""
    side = int(SHOWN**0.5) if len(maps) > 1 else 1
    shown = np.kron(maps[_most_telling(maps)], np.ones((1, *[-(-DOTS // maps.shape[1])] * 2)))
    _, height, width = shown.shape
    gap = (side - 1) * (height // 24)
    sheet = np.full((side * height + gap, side * width + gap), np.nan)
    for index, each in enumerate(shown):
        y, x = index // side * (height + gap), index % side * (width + gap)
        sheet[y : y + height, x : x + width] = (each - each.min()) / max(float(np.ptp(each)), 1e-12)
    return sheet


def _most_telling(maps: np.ndarray) -> list[int]:
    """Return which maps vary most, without those that look like one of them as long as there are others."""
    flat = maps.reshape(len(maps), -1) - maps.mean(axis=(1, 2))[:, None]
    lengths = np.linalg.norm(flat, axis=1)
    flat /= np.maximum(lengths, 1e-12)[:, None]
    order = [int(index) for index in np.argsort(-lengths, kind="stable")]
    chosen: list[int] = []
    for index in order:
        if len(chosen) < SHOWN and lengths[index] and np.all(np.abs(flat[chosen] @ flat[index]) < ALIKE):
            chosen.append(index)
    return (chosen + [index for index in order if index not in chosen])[:SHOWN]


def _show(axes: Axes, image: np.ndarray, title: str, *, low: float | None = None, high: float | None = None) -> None:
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_title(title, fontsize=LABEL, loc="left", linespacing=1.15)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=GROUND, lw=1.0)
    axes.set_facecolor(GROUND)
