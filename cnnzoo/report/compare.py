"""Pooled rows compared with a baseline."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cnnzoo.errors import UserError
from cnnzoo.report.pool import TIMED_ON, Spread
from cnnzoo.report.runs import Row, limit_of

SAVED = {"training_seconds": "time_saved", "params": "params_saved", "macs": "macs_saved"}
EPOCH = ("data", "data.num_train", "protocol")  # what decides, with the limits, how many images an epoch has
SHOWN = 2  # decimals of an accuracy, in percent, in a table


@dataclass(frozen=True)
class Change:
    """A difference of two means, in the unit of the values.

    `within_spread`: whether it is within the larger deviation of both; None where one of them is not known.
    """

    value: float
    within_spread: bool | None


def compare(rows: Sequence[Row], baseline: Row | None, at_least: float | None) -> None:
    """Add to each row what it saves against `baseline`, and whether its test accuracy is `at_least` so much.

    Keys: `time_saved`, `params_saved` and `macs_saved`, fractions; `acc_change`, a `Change`, where the images are the
    same; `enough`, True or False.
    """
    for row in rows:
        if at_least is not None and row["test_acc"] is not None:
            percent = round(100 * row["test_acc"].mean, SHOWN)  # which rounds as the text of the table does
            row["enough"] = percent >= round(100 * at_least, 9)
        if baseline is None or row is baseline:
            continue
        for figure, key in SAVED.items():
            comparable = key != "time_saved" or comparable_times([row, baseline])
            if comparable and row[figure] is not None and baseline[figure]:
                row[key] = 1 - row[figure] / baseline[figure]
        if row["runs"][0].get("data") == baseline["runs"][0].get("data"):  # rows never pool several
            row["acc_change"] = _change(row["test_acc"], baseline["test_acc"])


def comparable_times(rows: Iterable[Row]) -> bool:
    """Say whether the epochs of pooled rows were of as many images and timed on the same device."""
    completed = [run for row in rows for run in row["runs"] if run["status"] == "completed"]
    return len({(*(run.get(key) for key in (*TIMED_ON, *EPOCH)), *_limits(run)) for run in completed}) <= 1


def _limits(run: Row) -> Iterator[float | None]:
    """Yield how much of the training and the validation images an epoch has: a share, or a number of images."""
    for stage in ("train", "val"):
        limit = limit_of(run, stage)
        yield limit * run["data.batch_size"] if isinstance(limit, int) else limit


def find_row(rows: Sequence[Row], name: str) -> Row:
    """Return the row whose label is `name`, or of the model `name` the first with a result, or the first.

    Raises:
        UserError: there is none.
    """
    if found := [row for row in rows if row["label"] == name] or [row for row in rows if row.get("model") == name]:
        return next((row for row in found if row["test_acc"]), found[0])
    labels = ", ".join(f"'{row['label']}'" for row in rows[:12])
    raise UserError(f"no row {name!r} to compare with\ntype one of {labels}")


def _change(here: Spread | None, there: Spread | None) -> Change | None:
    if here is None or there is None:
        return None
    change = here.mean - there.mean
    if here.deviation is None or there.deviation is None:
        return Change(change, None)
    return Change(change, abs(change) <= max(here.deviation, there.deviation))
