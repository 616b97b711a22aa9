"""The table of a sweep, with the seeds of a cell pooled."""

from collections import Counter
from collections.abc import Iterable, Sequence, Sized

from cnnzoo.report.columns import columns as titled
from cnnzoo.report.pool import pool as pool_rows
from cnnzoo.report.runs import Row
from cnnzoo.report.tables import Column

COLUMNS = (
    *("model", "px", "optimizer", "settings", "seeds", "stem", "params", "macs"),
    *("test_acc", "seconds_per_epoch", "images_per_second", "peak_bytes", "status"),
)

NAMED = ("model", "px", "optimizer", "settings")  # by these a row is known in a note


def columns(rows: Sequence[Row]) -> list[Column]:
    """Return the columns of the pooled table; that of the settings only where there are some."""
    return titled([key for key in COLUMNS if key != "settings" or any(row["settings"] for row in rows)], "en")


def how_many(cells: Sized) -> str:
    """Return `1 cell`, or `12 cells`."""
    return f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"


def counts(statuses: Iterable[str]) -> str:
    """Return how many there are of each, in words: `3 completed, 1 failed`."""
    return ", ".join(f"{count} {status}" for status, count in Counter(statuses).items())


def pool(rows: Sequence[Row]) -> list[Row]:
    """Return one row for all seeds of a cell, as a report pools them (`cnnzoo.report.pool.pool`).

    Nets of several sizes, whose class was edited between them, have rows of their own.
    """
    pooled = [row["runs"][0] | row for row in pool_rows(rows, ("model", "group", "params"))]
    return [row | {"label": " ".join(str(row[key]) for key in NAMED if row[key])} for row in pooled]
