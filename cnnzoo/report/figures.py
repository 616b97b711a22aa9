"""The figures of a report."""

import statistics
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, PercentFormatter

from cnnzoo.record import read_history
from cnnzoo.report.pool import Spread
from cnnzoo.report.runs import Row
from cnnzoo.report.style import COLORS, FILLS, HATCHES, INK, LINES, MARKERS, style_of
from cnnzoo.report.texts import Language, say

EVALUATED = ("val/acc", "test/acc")
COUNTS = ("params", "conv_params", "dense_params")  # what a bar is made of
INVISIBLE = 0.002  # of the longest bar
LABEL = 28  # characters on a line
COLUMNS, LINE = 3, 0.15  # of a legend beside a figure, at most, and the height of a line in inches
ASIDE = 0.2  # of the distance between two values, over which points at the same one are spread
SHARES = 3  # times as many epochs as the shortest run, from which on curves are drawn by the share of them
TICKS = 50  # characters below an axis, beyond which they are turned


def draw_trade_off(rows: Sequence[Row], cost: str, language: Language, at_least: float | None = None) -> Figure:
    """Return test accuracy against a cost, with error bars and the front of what nothing beats in both."""
    known = [row for row in rows if row["test_acc"] and row.get(cost)]
    lines = [*map(_lines, known), 1, *([] if at_least is None else [1])]  # of the legend's entries
    columns = min(COLUMNS, 1 + sum(lines) // 18)
    highest = max(sum(each) for each in np.array_split(lines, columns))  # as matplotlib splits them
    style, language = style_of(language)
    with rc_context(style):
        size = (4.4 + 2 * columns, max(3.8, 0.6 + LINE * highest))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.add_subplot()
        for index, row in enumerate(known):
            accuracy = row["test_acc"]
            look = marker_of(row, index) | {"ls": "", "ms": 7, "capsize": 3, "label": label_of(row)}
            axes.errorbar(row[cost], accuracy.mean, accuracy.deviation or None, **look)
        costs = [row[cost] for row in known]
        best = front([(row[cost], row["test_acc"].mean) for row in known])
        best.append((max(costs), best[-1][1]))  # nothing dearer is better, either
        axes.step(*zip(*best, strict=True), where="post", color=INK, lw=0.9, zorder=0, label=say(language, "front"))
        if at_least is not None:
            axes.axhline(at_least, color=INK, lw=0.9, ls=":", label=f"{100 * at_least:g}%")
        if (ratio := max(costs) / min(costs)) > 10:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if ratio < 100 else (1,)))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _round(value)))
        _percent_axis(axes)
        axes.set_xlabel(say(language, cost))
        axes.set_ylabel(say(language, "test_acc"))
        figure.legend(loc="outside right upper", ncols=columns, fontsize=8)
    return figure


def draw_along(
    lines: Mapping[str, Mapping[str, Spread]],
    titles: Mapping[str, str],
    names: tuple[str, str],
    language: Language,
    *,
    joined: bool,
) -> Figure:
    """Return test accuracy against the values of a key, at equal distances, with error bars.

    Args:
        lines: by its label, the accuracy of each at some of the values.
        titles: what is written below each value, in order.
        names: what the axis is called, in English and in Chinese.
        language: en or zh.
        joined: whether a line joins the points, as suits numbers.
    """
    places = {value: place for place, value in enumerate(titles)}
    style, language = style_of(language)
    with rc_context(style):
        figure = Figure(figsize=(6.4, 3.8), layout="constrained")
        axes = figure.add_subplot()
        for index, (label, points) in enumerate(lines.items()):
            x = [places[value] + _aside([each for each in lines if value in lines[each]], label) for value in points]
            shown = sorted(zip(x, [(each.mean, each.deviation or 0.0) for each in points.values()], strict=True))
            y, deviations = zip(*(each for _, each in shown), strict=True)
            look = marker_of({}, index) | {"ls": line_of({}, index) if joined else "", "lw": 1.4, "ms": 6, "capsize": 3}
            axes.errorbar(sorted(x), y, deviations, label=textwrap.fill(label, LABEL), **look)
        axes.set_xticks([*places.values()], [*titles.values()])
        if sum(map(len, titles.values())) > TICKS:
            for tick in axes.get_xticklabels():
                tick.set(rotation=30, ha="right")
        axes.margins(x=0.1)
        _percent_axis(axes)
        axes.set_xlabel(names[language == "zh"])
        axes.set_ylabel(say(language, "test_acc"))
        if any(lines):
            figure.legend(loc="outside right upper", fontsize=8, handlelength=4)
    return figure


def _aside(labels: Sequence[str], label: str) -> float:
    """Return how far from its place one of the points there is drawn, so that no bar hides another."""
    return ASIDE * (labels.index(label) / (len(labels) - 1) - 0.5) if len(labels) > 1 else 0.0


def front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the (cost, gain) points that no other beats in both, by rising cost (Pareto front)."""
    best: list[tuple[float, float]] = []
    for cost, gain in sorted(points, key=lambda point: (point[0], -point[1])):
        if not best or gain > best[-1][1]:
            best.append((cost, gain))
    return best


def draw_curves(rows: Sequence[Row], language: Language) -> Figure:
    """Return loss and accuracy by epoch: the mean over seeds, with a band from the lowest to the highest.

    Where some rows have several times as many epochs as others, it is by the share of them.
    """
    style, language = style_of(language)
    with rc_context(style):
        in_legend = -(-len(rows) // 3) * max(map(_lines, rows))
        figure = Figure(figsize=(7.2, 3.2 + 0.15 * in_legend), layout="constrained")
        left, right = figure.subplots(1, 2)
        named: dict[str, None] = {}
        lengths = [min(map(len, histories_of(row))) for row in rows]
        shares = max(lengths) >= SHARES * min(lengths)  # or the short ones would be a dot at the left
        for index, row in enumerate(rows):
            histories = histories_of(row)
            evaluated = next(column for column in EVALUATED if column in histories[0][0])
            named[say(language, evaluated)] = None
            length = min(map(len, histories))
            look = marker_of(row, index) | {"ls": line_of(row, index), "lw": 1.4}
            look |= {"ms": 4, "markevery": max(1, length // 6)}
            for axes, column in ((left, "train/loss"), (right, evaluated)):
                epochs = [epoch / length if shares else epoch for epoch in range(1, length + 1)]
                values = [[history[epoch][column] for history in histories] for epoch in range(length)]
                axes.plot(
                    epochs,
                    [statistics.fmean(each) for each in values],
                    label=label_of(row) if axes is left else None,
                    **look,
                )
                if len(histories) > 1:
                    low, high = [min(each) for each in values], [max(each) for each in values]
                    axes.fill_between(epochs, low, high, color=look["color"], alpha=0.2, lw=0)
        left.set_ylabel(say(language, "train/loss"))
        right.set_ylabel(" / ".join(named))
        for axes in (left, right):
            axes.set_xlabel(say(language, "progress" if shares else "epoch"))
            if shares:
                axes.xaxis.set_major_formatter(PercentFormatter(1))
            else:
                axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        _percent_axis(right)
        figure.legend(loc="outside lower center", ncols=3, fontsize=8, handlelength=4)
    return figure


def histories_of(row: Row) -> list[list[dict[str, Any]]]:
    """Return the epochs of each completed run of the row, of those that are evaluated alike."""
    every = [read_history(Path(run["folder"])) for run in row["runs"] if run["status"] == "completed"]
    for column in EVALUATED:
        if histories := [history for history in every if history and column in history[0]]:
            return histories
    return []


def draw_parameters(rows: Sequence[Row], language: Language) -> Figure:
    """Return a bar for each row, stacked by the kind of layer in which its parameters are."""
    style, language = style_of(language)
    with rc_context(style):
        figure = Figure(figsize=(6.4, 0.9 + (0.16 + 0.16 * max(map(_lines, rows))) * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        places = range(len(rows))
        start = np.zeros(len(rows))
        parts = {
            "conv_params": [row["conv_params"] for row in rows],
            "dense_params": [row["dense_params"] for row in rows],
            "other_params": [row["params"] - row["conv_params"] - row["dense_params"] for row in rows],
        }
        largest = max(row["params"] for row in rows)
        for (part, values), color, hatch in zip(parts.items(), COLORS, HATCHES, strict=False):
            if max(values) < INVISIBLE * largest:
                continue
            label = say(language, part)
            axes.barh(places, values, left=start, color=color, hatch=hatch, edgecolor="white", lw=0.5, label=label)
            start += values
        for place, row in zip(places, rows, strict=True):
            axes.annotate(
                _count(row["params"]), (row["params"], place), (4, 0), textcoords="offset points", va="center"
            )
        axes.set_yticks(places, [label_of(row) for row in rows])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _round(value)))
        axes.margins(x=0.15)
        axes.set_xlabel(say(language, "params"))
        figure.legend(loc="outside upper center", ncols=3, fontsize=8)
    return figure


def label_of(row: Row) -> str:
    """Return a row's label, broken into lines."""
    return textwrap.fill(row["label"], LABEL)


def _lines(row: Row) -> int:
    return label_of(row).count("\n") + 1


def marker_of(row: Row, index: int) -> dict[str, Any]:
    """Return the marker and colour of a row, the same in all figures of a report; without one, by its `index`."""
    number = row.get("look", index)
    again = number // (len(MARKERS) * len(FILLS))  # with other colours
    color, fill = COLORS[(number + again) % len(COLORS)], FILLS[number // len(MARKERS) % len(FILLS)]
    edge = {"mec": INK, "mew": 0.5} if fill == "full" else {"mec": color, "mew": 1.2}
    return {"marker": MARKERS[number % len(MARKERS)], "fillstyle": fill, "color": color, **edge}


def line_of(row: Row, index: int) -> str:
    """Return the line of a row; two rows with the same marker have different ones."""
    number = row.get("look", index)
    return LINES[(number // 2 + number // len(MARKERS)) % len(LINES)]


def _percent_axis(axes: Axes) -> None:
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))


def _count(number: int) -> str:
    return f"{number / 1e6:,.2f} M" if number >= 1e6 else f"{number / 1e3:,.1f} k"


def _round(value: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
