"""Tables with a column for each value of a key, and the figure of what they say."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cnnzoo.report.chosen import bars
from cnnzoo.report.columns import KEYS, columns
from cnnzoo.report.document import Figure, Table
from cnnzoo.report.pool import alike, labels_of
from cnnzoo.report.runs import Row
from cnnzoo.report.tables import Column
from cnnzoo.report.texts import Language, join, say

LINES = 8  # in one figure, beyond which it cannot be read: the best


def pivot_tables(pooled: Sequence[Row], keys: Sequence[str], pivot: str, language: Language) -> list[Table]:
    """Return tables of accuracy and costs: a row for each combination of `keys`, a column for each value of `pivot`."""
    titles = _titles(pooled, pivot)
    (status,) = columns(["status"], language)
    tables = []
    for figure in ("test_acc", "seconds_per_epoch", "params", "macs"):
        (measured,) = columns([figure], language)
        lines = []
        for rows in alike(pooled, keys):
            line = {key: rows[0].get(key) for key in keys}
            for row in rows:
                absent = status.show(row["status"].partition(":")[0]) if row["status"] else None
                line[str(row.get(pivot))] = absent if row[figure] is None else row[figure]
            lines.append(line)
        shown = [
            *columns(keys, language),
            *(Column(name, title, _show_or_say(measured)) for name, title in titles.items()),
        ]
        tables.append(Table(shown, lines, f"{measured.title} / {_name(pivot, language)}", figure))
    return tables


def pivot_figure(pooled: Sequence[Row], keys: Sequence[str], pivot: str, language: Language) -> Figure | None:
    """Return test accuracy against the values of `pivot`, a line for each row of the tables; None of a single value."""
    from cnnzoo.report.figures import draw_along

    tested = [row for row in pooled if row["test_acc"]]
    titles = _titles(tested, pivot)
    if len(titles) < 2:
        return None
    lines = alike(tested, keys)
    labels = labels_of([rows[0] for rows in lines], keys) if keys else [""]
    best = sorted(lines, key=lambda rows: -max(row["test_acc"].mean for row in rows))[:LINES]
    drawn = {
        label: {str(row.get(pivot)): row["test_acc"] for row in rows}
        for label, rows in zip(labels, lines, strict=True)
        if any(rows is each for each in best)
    }
    caption = [say(language, "along", name=_name(pivot, language))]
    caption += [say(language, key) for key in bars([each for points in drawn.values() for each in points.values()])]
    if len(drawn) < len(lines):
        caption.append(say(language, "best_of", some=len(drawn), all=len(lines)))
    joined = all(isinstance(row.get(pivot), int | float) for row in tested)
    draw = partial(draw_along, drawn, titles, _names(pivot), language, joined=joined)
    return Figure("accuracy-along", join(language, caption), draw)


def _titles(rows: Sequence[Row], pivot: str) -> dict[str, str]:
    """Return the values of a key as text, in order, and what stands above their columns: - for none."""

    def rank(value: Any) -> tuple[bool, bool, Any]:
        number = isinstance(value, int | float)
        return value is None, not number, value if number else str(value)

    values = {str(row.get(pivot)): row.get(pivot) for row in rows}
    return {str(value): "-" if value is None else str(value) for value in sorted(values.values(), key=rank)}


def _name(key: str, language: Language) -> str:
    return _names(key)[language == "zh"]


def _names(key: str) -> tuple[str, str]:
    return KEYS.get(key, (key, key))


def _show_or_say(column: Column) -> Callable[[Any], str]:
    return lambda value: value if isinstance(value, str) else column.show(value)
