"""The table of a sweep, with the seeds of a cell pooled."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Sized
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cnnzoo.report.columns import accuracy, mebibytes, millions
from cnnzoo.report.pool import mean, spread
from cnnzoo.report.tables import Column, texts

Row = Mapping[str, Any]

_COLUMNS = (
    Column("model", "model", left=True),
    Column("px", "px"),
    Column("optimizer", "optimizer", left=True),
    Column("settings", "settings", left=True),
    Column("seeds", "seeds"),
    Column("stem", "stem", left=True),
    Column("params", "parameters", "{:,}".format),
    Column("macs", "MACs (M)", millions),
    Column("test_acc", "test acc", accuracy),
    Column("seconds_per_epoch", "s/epoch", "{:,.1f}".format),
    Column("images_per_second", "images/s", "{:,.0f}".format),
    Column("peak_bytes", "peak MiB", mebibytes),
    Column("status", "status", left=True),
)

SPARED = ("stem", "macs", "images_per_second", "peak_bytes", "optimizer", "seconds_per_epoch")  # the first at first


def columns(rows: Sequence[Row]) -> list[Column]:
    """Return the columns of the pooled table; that of the settings only where there are some."""
    return [column for column in _COLUMNS if column.key != "settings" or any(row["settings"] for row in rows)]


def for_screen(rows: Sequence[Row], console: Console) -> Table:
    """Return the pooled table, without some columns where the screen is too narrow; settings may take several lines."""
    pooled = pool(rows)
    for left_out in range(len(SPARED) + 1):
        shown = [column for column in columns(rows) if column.key not in SPARED[:left_out]]
        lines = texts(shown, pooled)
        table = Table(box=None, padding=(0, 1, 0, 0))
        needed = 0
        for column, cells in zip(shown, zip(*lines, strict=True), strict=True):
            folds = column.key in ("settings", "status")
            pieces = [word for text in (column.title, *cells) for word in (text.split() if folds else [text])]
            width = max(map(cell_len, pieces))
            needed += width + 1
            justify: Literal["left", "right"] = "left" if column.left else "right"
            table.add_column(column.title, justify=justify, no_wrap=not folds, min_width=width)
        if needed <= console.width:
            break
    for line in lines:
        table.add_row(*map(escape, line))
    return table


def how_many(cells: Sized) -> str:
    """Return `1 cell`, or `12 cells`."""
    return f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"


def counts(statuses: Iterable[str]) -> str:
    """Return how many there are of each, in words: `3 completed, 1 failed`."""
    return ", ".join(f"{count} {status}" for status, count in Counter(statuses).items())


def pool(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return one row for all seeds of a cell: means, and for the test accuracy the standard deviation of the sample.

    `seeds` is how many of them are completed, `status` what is to be said of the others. There are no times and no
    memory where seeds were on several devices, with other threads, or shared theirs with different numbers of others.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["model"], row["group"]), []).append(row)
    pooled = []
    for group in groups.values():
        done = [row for row in group if row["status"] == "completed"]
        others = [row["status"] for row in group if row["status"] != "completed"]
        timed = done if len({row["timed_on"] for row in done}) == 1 else []
        pooled.append(
            {key: group[0][key] for key in ("model", "px", "optimizer", "settings", "stem", "params", "macs")}
            | {"seeds": f"{len(done)}/{len(group)}", "status": counts(others) or "completed"}
            | {key: mean(row[key] for row in timed) for key in ("seconds_per_epoch", "images_per_second", "peak_bytes")}
            | {"test_acc": spread([row["test_acc"] for row in done])}
        )
    return pooled
