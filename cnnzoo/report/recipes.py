"""For how long, on what and at which rates the rows of a report were trained, in words."""

from collections.abc import Callable, Sequence
from typing import Any

from cnnzoo.report.columns import percent
from cnnzoo.report.pool import grouped
from cnnzoo.report.runs import Row, limit_of
from cnnzoo.report.texts import Language, join, listed, named, say

FEW = 4  # rows that are named one by one
MADE_WITH = ("data.batch_size", "precision")  # said of rows that differ in it


def completed(row: Row) -> list[Row]:
    """Return the completed runs of a row."""
    return [run for run in row["runs"] if run["status"] == "completed"]


def training_of(rows: Sequence[Row], language: Language) -> str:
    """Return for how long the rows were trained, and on how many of the images."""
    differing = [key for key in MADE_WITH if len({run.get(key) for row in rows for run in completed(row)}) > 1]
    groups = _grouped(rows, lambda row: _budget(completed(row)[0], differing, language), language)
    told = [say(language, "trained_for", labels=labels, budget=budget) for budget, labels in groups]
    alike = say(language, "trained_alike", budget=groups[0][0])
    words = say(language, "trained", told=listed(language, told)) if len(groups) > 1 else alike
    return join(language, [words, *in_part(rows, language)])


def in_part(rows: Sequence[Row], language: Language) -> list[str]:
    """Return in a sentence each that some of the training images, or of the test images, were left out."""
    sentences = []
    for stage, sentence in (("train", "not_in_full"), ("test", "tested_in_part")):
        whole = [_is_whole(row, stage) for row in rows]
        where = say(language, "in_some_rows") if any(whole) else ""  # whose settings say it
        sentences += [] if all(whole) else [say(language, sentence, where=where)]
    return sentences


def _is_whole(row: Row, stage: str) -> bool:
    """Say whether a row's runs used all images of a stage."""
    limits = [limit_of(run, stage) for run in row["runs"]]
    return all(limit is None or (isinstance(limit, float) and limit == 1) for limit in limits)  # 1 is one batch


def rates_of(rows: Sequence[Row], language: Language) -> str:
    """Return the learning rates of the rows, or nothing if all had the same."""
    known = [row for row in rows if row.get("optimizer.lr")]
    groups = _grouped(known, lambda row: row["optimizer.lr"], language, most=FEW)
    told = [say(language, "rate", labels=labels, rate=rate) for rate, labels in groups]
    return say(language, "rates", told=listed(language, told)) if len(groups) > 1 else ""


def _grouped(
    rows: Sequence[Row], value: Callable[[Row], Any], language: Language, most: int = 1
) -> list[tuple[Any, str]]:
    """Return each value with the labels of the rows that have it, last the most frequent.

    Where it has more than `most`, they are called `the others`.
    """
    groups = [(each, [row["label"] for row in alike]) for each, alike in grouped(rows, value).items()]
    *some, last = sorted(groups, key=lambda group: len(group[1])) or [(None, [])]
    others = [say(language, "the_others")] if len(last[1]) > most else last[1]
    return [(each, named(language, labels)) for each, labels in (*some, (last[0], others))]


def _budget(run: Row, differing: Sequence[str], language: Language) -> str:
    limit, size = limit_of(run, "train"), run.get("data.batch_size")
    if isinstance(limit, int):
        images = say(language, "some_batches", batches=limit, size=size, s="" if limit == 1 else "es")
    elif limit not in (None, 1.0):
        images = say(language, "some_images", percent=percent(limit).replace(".0%", "%"))
    else:
        images = say(language, "all_images")
    if "data.batch_size" in differing and not isinstance(limit, int):
        images = say(language, "in_batches", images=images, size=size)
    if "precision" in differing:
        images = say(language, "in_precision", images=images, precision=run.get("precision"))
    epochs = run["trainer.max_epochs"]
    return say(language, "budget", epochs=epochs, s="" if epochs == 1 else "s", images=images)
