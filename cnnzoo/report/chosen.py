"""Which figures a report has, and which of its rows are in them."""

import statistics
from collections.abc import Sequence
from functools import partial
from typing import Any

from cnnzoo.report.compare import comparable_times
from cnnzoo.report.document import Figure
from cnnzoo.report.pool import Spread, labels_of, short_key
from cnnzoo.report.runs import Row
from cnnzoo.report.texts import Language, join, say

CURVES, MATRICES, POINTS = 8, 4, 24  # rows in one figure, beyond which it cannot be read: the best
APART = 1.05  # times as many parameters as the smallest that the largest has, or a figure against them says nothing


def figures_of(pooled: Sequence[Row], first: Row | None, at_least: float | None, language: Language) -> list[Figure]:
    """Return the figures of a report; `first` is the baseline, which none of them leaves out."""
    from cnnzoo.report import confusion, figures

    def caption(what: str, some: Sequence[Row], every: Sequence[Row], *more: str) -> str:
        words = "some_of" if any(row is first for row in some) else "best_of"
        shown = "" if len(some) == len(every) else say(language, words, some=len(some), all=len(every))
        return join(language, [what, *(say(language, each) for each in more), shown])

    tested = [row for row in pooled if row["test_acc"]]
    best = sorted(tested, key=lambda row: -row["test_acc"].mean)
    found = []
    time = "training_seconds" if any(row["epochs_differ"] for row in pooled) else "seconds_per_epoch"
    for name, cost in (("accuracy-time", time), ("accuracy-parameters", "params")):
        known = [row for row in tested if row.get(cost)]
        of_one_set = len({row["runs"][0].get("data") for row in known}) == 1  # or accuracies say nothing of each other
        if len(known) > 1 and of_one_set and (comparable_times(tested) if cost == time else _are_apart(known, cost)):
            drawn = _most_telling(known, cost, first)
            what = say(language, "trade_off", cost=say(language, cost))
            draw = partial(figures.draw_trade_off, _with_epochs(drawn), cost, language, at_least)
            found.append(Figure(name, caption(what, drawn, known, *bars([row["test_acc"] for row in drawn])), draw))
    curves = [row for row in best if figures.histories_of(row)]
    if curves:
        telling = _with(first, curves, CURVES)
        shown = [row for row in tested if any(row is each for each in telling)]
        bands = ["bands"] if any(len(figures.histories_of(row)) > 1 for row in shown) else []
        draw = partial(figures.draw_curves, _with_epochs(shown), language)
        found.append(Figure("curves", caption(say(language, "curves"), shown, curves, *bands), draw))
    counted = _nets([row for row in pooled if all(row.get(key) is not None for key in figures.COUNTS)], first)
    if len(counted) > 1:
        drawn = _most_telling(counted, "params", first)
        draw = partial(
            figures.draw_parameters, _named_as_nets(drawn) if len(counted) < len(pooled) else drawn, language
        )
        found.append(Figure("parameters", caption(say(language, "parameters"), drawn, counted), draw))
    if confused := [row for row in best if confusion.has_confusion(row)]:
        shown = _with(first, confused, MATRICES)
        draw = partial(confusion.draw_confusion, shown, language)
        found.append(Figure("confusion", caption(say(language, "confusion"), shown, confused), draw))
    return found


def bars(drawn: Sequence[Spread]) -> list[str]:
    """Return the key of the sentence about error bars in a caption, if any of what is drawn has one."""
    single = [each.deviation is None for each in drawn]
    return [] if all(single) else ["some_bars" if any(single) else "bars"]


def _with_epochs(rows: Sequence[Row]) -> list[Row]:
    """Return the rows; the labels of those with other epochs than most say how many."""
    key = "trainer.max_epochs"
    usual = statistics.mode(row.get(key) for row in rows)

    def label(row: Row) -> str:
        told = f"{short_key(key)}={row.get(key)}"
        return row["label"] if row.get(key) == usual or told in row["label"].split() else f"{row['label']} {told}"

    return [row | {"label": label(row)} for row in rows]


def _are_apart(rows: Sequence[Row], cost: str) -> bool:
    costs = [row[cost] for row in rows]
    return bool(max(costs) >= APART * min(costs))


def _nets(rows: Sequence[Row], first: Row | None) -> list[Row]:
    """Return one row of each net: `first`, if it is of it, or the first."""
    nets: dict[Any, Row] = {}
    for row in sorted(rows, key=lambda row: row is not first):
        nets.setdefault(tuple(row.get(key) for key in ("model", "data.resize", "stem", "params", "macs")), row)
    return [row for row in rows if any(row is each for each in nets.values())]


def _named_as_nets(rows: Sequence[Row]) -> list[Row]:
    """Return the rows with labels that say nothing of how the nets were trained, if that tells them apart."""
    labels = labels_of([row | {"settings": _of_net(row)} for row in rows], ["model", "data.resize", "settings"])
    return [
        row | {"label": label} if labels.count(label) == 1 else row for row, label in zip(rows, labels, strict=True)
    ]


def _of_net(row: Row) -> str:
    """Return those of a row's settings that are arguments of its net."""
    arguments = {short_key(key) for run in row["runs"] for key in run["changed"] if key.startswith("model.")}
    settings = str(row.get("settings") or "").split()
    return " ".join(setting for setting in settings if setting.partition("=")[0] in arguments)


def _with(first: Row | None, rows: Sequence[Row], count: int) -> list[Row]:
    """Return so many of the rows, `first` among them if it is one of them."""
    kept = [*rows[:count]]
    if any(row is first for row in rows[count:]) and first is not None:
        kept = [first, *kept[:-1]]
    return kept


def _most_telling(rows: Sequence[Row], cost: str, first: Row | None) -> list[Row]:
    """Return as many rows as fit into a figure, in their order: the baseline, the Pareto front, the most accurate."""
    from cnnzoo.report.figures import front

    ahead = front([(row[cost], row["test_acc"].mean) for row in rows if row["test_acc"]])

    def rank(row: Row) -> tuple[bool, bool, float]:
        accuracy = row["test_acc"].mean if row["test_acc"] else 0.0
        return row is not first, (row[cost], accuracy) not in ahead, -accuracy

    kept = {id(row) for row in sorted(rows, key=rank)[:POINTS]}
    return [row for row in rows if id(row) in kept]
