"""Rows of runs made rows of a table: what tells them apart, and seeds pooled."""

import functools
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cnnzoo.report.runs import FACTS, Row
from cnnzoo.rules import is_setting

# By these keys runs are told apart, where they differ; the last ones are about how fast they were, too.
CIRCUMSTANCES = ("trainer.max_epochs", "data.batch_size", "device", "threads", "precision", "slots", "pieces")
GROUPS = ("model", "data.resize", "optimizer", "scheduler", "data", "protocol", *CIRCUMSTANCES)
CHOICES = ("model", "optimizer", "scheduler", "data")  # whose yaml files say what is usual
FOUND = ("trainer.accelerator", "trainer.precision")  # of runs `device` and `precision` are told, chosen or found
PLAIN = ("model", "data.resize", "optimizer", "scheduler", "data", "protocol", "device", "precision", "settings")
TIMED_ON = ("device", "threads", "slots")  # times are compared only where these and `compare.EPOCH` are equal
MEASURED_WITH = (*TIMED_ON, "precision", "pieces")  # not known of a run that is still to do
NOT_BEGUN = ("to do", "n/a")  # the status of cells
SIZES = ("params", "macs")  # of a net; other ones, though it was asked for alike, where its class was edited
AVERAGED = ("seconds_per_epoch", "training_seconds", "seconds_total", "images_per_second", "peak_bytes")

T = TypeVar("T")


@dataclass(frozen=True)
class Spread:
    """The mean of some values and the standard deviation over seeds; None where there is no second seed."""

    mean: float
    deviation: float | None


def drop_repeats(rows: Sequence[Row]) -> tuple[list[Row], int]:
    """Return the rows without those that repeat another with the same seed, and their number.

    Of runs that repeat each other the last completed one stays, or the last if none is. One that was not begun, which
    says nothing of its device, repeats one that is completed on any, and in any precision if it asks for none.
    """
    found, anywhere = len(rows), dict.fromkeys((*MEASURED_WITH, *SIZES))

    def asked(row: Row, precision: str | None) -> tuple[Any, ...]:
        return _identity(row | anywhere | {"precision": precision})

    done = [row for row in rows if row["status"] == "completed"]
    completed = {asked(row, precision) for row in done for precision in (None, row.get("precision"))}
    rows = [row for row in rows if row["status"] not in NOT_BEGUN or asked(row, row.get("precision")) not in completed]
    newest: dict[Any, Row] = {}
    for row in sorted(rows, key=lambda row: (row["status"] == "completed", row.get("started") or "")):
        newest[_identity(row)] = row
    kept = {id(row) for row in newest.values()}
    return [row for row in rows if id(row) in kept], found - len(kept)


def fill_in(rows: Sequence[Row]) -> None:
    """Give runs of before a yaml file had a key the value that is usual there, as when they are read back."""
    for group in grouped(rows, _chosen).values():
        usual: dict[str, Any] = {}
        for row in sorted(group, key=lambda row: row.get("started") or ""):
            usual |= {key: row[key] for key in row if _tells_apart(key) and key not in row["changed"]}
        for row in group:
            row |= {key: value for key, value in usual.items() if key not in row}


def add_settings(rows: Sequence[Row], without: str | None = None) -> dict[str, str]:
    """Add to each row `settings`, the values that were changed for it, such as width=0.5; return those of all rows.

    Values of a yaml file that was edited between runs are told, too. `without` is a key that is told in another way.
    """
    left_out, edited = (*GROUPS, without), _edited(rows)
    told = []
    for row in rows:
        values = row["changed"] | {key: row[key] for key in edited[_chosen(row)] if key in row}
        told.append(
            {key: short_value(value) for key, value in values.items() if key not in left_out and _tells_apart(key)}
        )
    common = set.intersection(*(set(each.items()) for each in told)) if len(rows) > 1 else set()
    for row, each in zip(rows, told, strict=True):
        own = [(key, value) for key, value in each.items() if (key, value) not in common]
        row["settings"] = " ".join(f"{short_key(key)}={value}" for key, value in own)
    return dict(sorted(common))


def _edited(rows: Sequence[Row]) -> dict[tuple[Any, ...], set[str]]:
    """Return by what rows chose the keys whose usual value is not the same for all: a yaml file was edited."""
    edited: dict[tuple[Any, ...], set[str]] = {}
    for chosen, group in grouped(rows, _chosen).items():
        edited[chosen] = set()
        for key in {key for row in group for key in row if _tells_apart(key)}:
            usual = {short_value(row[key]) for row in group if key in row and key not in row["changed"]}
            typed = {short_value(row[key]) for row in group if key in row and key in row["changed"]}
            if len(usual) > 1 or usual & typed:  # what is usual is not told of a run that it was typed for
                edited[chosen].add(key)
    return edited


def _chosen(row: Row) -> tuple[Any, ...]:
    return tuple(row.get(key) for key in CHOICES)


def short_key(key: str) -> str:
    """Return the name of a key of the configuration as it stands in a row's label."""
    return key.removeprefix("model.").removeprefix("trainer.")


def grouped(items: Iterable[T], key: Callable[[T], Any]) -> dict[Any, list[T]]:
    """Return the items by their `key`, in the order in which each came up first."""
    groups: dict[Any, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def alike(rows: Iterable[Row], keys: Sequence[str]) -> list[list[Row]]:
    """Return the rows, those with the same values of `keys` together."""
    return list(grouped(rows, lambda row: tuple(str(row.get(key)) for key in keys)).values())


def pool(rows: Sequence[Row], keys: Sequence[str]) -> list[Row]:
    """Return one row for all runs with the same values of `keys`.

    A pooled row has the keys, `label`, `runs` (its rows), `seeds` (such as 2/3, or 5/5 runs if these are not only
    seeds), `status` (of those not completed), `pooled` (in what its runs differ beside the seed, such as `optimizer,
    batch_size`), the facts that all of them share, means of what was measured, and `val_acc` and `test_acc` as
    `Spread`. It has no times and no memory where its runs were on several devices, with other threads, or shared theirs
    with different numbers of others.
    """
    groups = alike(rows, keys)
    pooled = []
    for label, group in zip(labels_of([group[0] for group in groups], keys), groups, strict=True):
        done = [row for row in group if row["status"] == "completed"]
        one = (done or group)[0]
        timed = done if len({tuple(row.get(key) for key in TIMED_ON) for row in done}) == 1 else []
        kinds = _but_for_seeds(done)
        others = Counter(row["status"] for row in group if row["status"] != "completed")
        reasons = dict.fromkeys(str(row["error"]) for row in group if row["status"] == "n/a" and row.get("error"))
        beside = ", ".join(map(short_key, _differing(group)))
        seeds = f"{len(done)}/{len(group)}{' runs' if beside else ''}"
        words = [f"{count} {status}" if len(group) > 1 else status for status, count in others.items()]
        pooled.append(
            {key: one.get(key) for key in keys}
            | {key: _common(group, key) for key in (*FACTS, "optimizer.lr") if key not in keys}
            | {"label": label, "runs": group, "seeds": seeds, "reason": "; ".join(reasons)}
            | {"status": ", ".join(words) or "completed", "pooled": beside}
            | {key: statistics.fmean(known) if (known := _known(key, timed)) else None for key in AVERAGED}
            | {key: spread(_of_seeds(key, kind) for kind in kinds) for key in ("val_acc", "test_acc")}
        )
    return pooled


def _differing(group: Sequence[Row]) -> list[str]:
    """Return the keys, beside the seed, in which runs of one row differ."""
    ran = [row for row in group if row.get("device")]
    differing = [key for key in _told_apart_by(ran) if len({str(row.get(key)) for row in ran}) > 1]
    return differing or [key for key in SIZES if len({row.get(key) for row in ran}) > 1]


def _common(rows: Sequence[Row], key: str) -> Any:
    """Return the value that all rows have of which it is known, or None if they differ."""
    known = {str(row[key]): row[key] for row in rows if row.get(key) is not None}
    return next(iter(known.values())) if len(known) == 1 else None


def labels_of(rows: Sequence[Row], keys: Sequence[str]) -> list[str]:
    """Return short names for the rows: the model, and which of the keys' values are needed to tell them apart.

    Those of `CIRCUMSTANCES` are told only of rows that would have the same name without.
    """
    varied = [key for key in keys if len({str(row.get(key)) for row in rows}) > 1]
    told = [{key for key in keys if key == "model" or (key in varied and key not in CIRCUMSTANCES)} for _ in rows]

    def label(place: int) -> str:
        row = rows[place]
        known = [key for key in keys if key in told[place] and row.get(key) not in (None, "")]
        words = [str(row[key]) if key in PLAIN else f"{short_key(key)}={short_value(row[key])}" for key in known]
        return " ".join(words)

    for key in (key for key in keys if key in CIRCUMSTANCES and key in varied):
        for places in grouped(range(len(rows)), label).values():
            if len({str(rows[place].get(key)) for place in places}) > 1:
                for place in places:
                    told[place].add(key)
    return [label(place) or str(row.get(keys[0])) for place, row in enumerate(rows)]


def spread(kinds: Iterable[Sequence[float]]) -> Spread | None:
    """Return the mean of all values, and how far they are from the mean of their own kind; None of no values.

    The deviation is that of the sample, with one degree of freedom less for each kind; None if each has a single value.
    """
    known = [values for values in kinds if values]
    if not known:
        return None
    squares = [(value - statistics.fmean(values)) ** 2 for values in known for value in values]
    freedom = len(squares) - len(known)
    deviation = math.sqrt(math.fsum(squares) / freedom) if freedom else None
    return Spread(statistics.fmean(value for values in known for value in values), deviation)


def _but_for_seeds(rows: Sequence[Row]) -> list[list[Row]]:
    """Return the rows, together those that differ only in their seed, or in what they ran on."""
    unknown = dict.fromkeys(("seed", *MEASURED_WITH))
    return list(grouped(rows, lambda row: _identity(row | unknown)).values())


def _of_seeds(key: str, rows: Iterable[Row]) -> list[float]:
    """Return one value for each seed, which may have been run on several devices: these say nothing of chance."""
    seeds = grouped(rows, lambda row: row.get("seed"))
    return [statistics.fmean(known) for of_seed in seeds.values() if (known := _known(key, of_seed))]


def _known(key: str, rows: Iterable[Row]) -> list[float]:
    return [row[key] for row in rows if row.get(key) is not None]


def _told_apart_by(rows: Sequence[Row]) -> list[str]:
    """Return the keys by which runs are told apart, but their seed."""
    return list(dict.fromkeys([*GROUPS, *sorted(key for row in rows for key in row if _tells_apart(key))]))


def _identity(row: Row) -> tuple[Any, ...]:
    keys = sorted(key for key in row if _tells_apart(key))
    return (*(row.get(key) for key in (*GROUPS, *SIZES)), row.get("seed"), *((key, str(row[key])) for key in keys))


@functools.cache
def _tells_apart(key: str) -> bool:
    """Say whether a key of a row is one of its configuration that decides figures, asked for and not found."""
    of_configuration = "." in key or key in ("label_smoothing", "compile")
    return of_configuration and key not in FOUND and is_setting(key)


def short_value(value: Any) -> str:
    """Return a value of the configuration as it stands in a row's label."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value).replace(" ", "")
