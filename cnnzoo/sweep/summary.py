"""The table of a sweep, with the seeds of a cell pooled."""

from collections import Counter
from collections.abc import Iterable, Sequence, Sized
from typing import Any

from cnnzoo.report.columns import columns as titled
from cnnzoo.report.pool import mean, spread
from cnnzoo.report.tables import Column, Row

COLUMNS = (
    *("model", "px", "optimizer", "settings", "seeds", "stem", "params", "macs"),
    *("test_acc", "seconds_per_epoch", "images_per_second", "peak_bytes", "status"),
)


def columns(rows: Sequence[Row]) -> list[Column]:
    """Return the columns of the pooled table; that of the settings only where there are some."""
    return titled([key for key in COLUMNS if key != "settings" or any(row["settings"] for row in rows)], "en")


def how_many(cells: Sized) -> str:
    """Return `1 cell`, or `12 cells`."""
    return f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"


def counts(statuses: Iterable[str]) -> str:
    """Return how many there are of each, in words: `3 completed, 1 failed`."""
    return ", ".join(f"{count} {status}" for status, count in Counter(statuses).items())


def pool(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return one row for all seeds of a cell: means, and for the test accuracy the standard deviation of the sample.

    Nets of several sizes, whose class was edited between them, have rows of their own.
    `seeds` is how many of them are completed, `status` what is to be said of the others. There are no times and no
    memory where seeds were on several devices, with other threads, or shared theirs with different numbers of others.
    """
    groups: dict[tuple[str, str, int | None], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["model"], row["group"], row["params"]), []).append(row)
    pooled = []
    for group in groups.values():
        done = [row for row in group if row["status"] == "completed"]
        others = [row["status"] for row in group if row["status"] != "completed"]
        timed = done if len({row["timed_on"] for row in done}) == 1 else []
        pooled.append(
            {key: group[0][key] for key in ("model", "px", "optimizer", "settings", "stem", "params", "macs")}
            | {"seeds": f"{len(done)}/{len(group)}", "status": counts(others) or "completed"}
            | {key: mean(row[key] for row in timed) for key in ("seconds_per_epoch", "images_per_second", "peak_bytes")}
            | {"test_acc": spread([[row["test_acc"] for row in done]])}
        )
    return pooled
