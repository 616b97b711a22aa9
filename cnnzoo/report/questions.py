"""The course's three open questions: what is compared in each, and the draft of an answer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnnzoo.report.columns import as_shown
from cnnzoo.report.recipes import completed, rates_of, training_of
from cnnzoo.report.runs import Row, limit_of
from cnnzoo.report.texts import Language, join, named, say

NEEDED = ("test_acc", "params", "conv_params", "num_convs", "macs", "seconds_per_epoch")  # of what is written about
ENOUGH_SEEDS, HALF = 5, 0.5  # seeds of a row; of the parameters
BEFORE = ("alexnet", "vgg11", "nin")
LADDER = (
    "googlenet",
    "googlenet_bn",
    "inception_fact",
    "inception_res",
    "inception_v3",
    "inception_v4",
    "inception_resnet_v1",
    "inception_resnet_v2",
)


@dataclass(frozen=True)
class Question:
    """One question of the course.

    Attributes:
        title: key of its title in `texts.py`.
        model: of the baseline, which is the one with the fewest settings of its own, and the largest images of these.
        at_least: test accuracy that is asked for, or None.
        answer: completed rows, the baseline among them, threshold and language to paragraphs.
    """

    title: str
    model: str
    at_least: float | None
    answer: Callable[[Sequence[Row], Row, float | None, Language], list[str]]

    def baseline(self, rows: Sequence[Row]) -> str | None:
        """Return the label of the row that the others are compared with, or None if there is none."""
        candidates = [row for row in rows if row["model"] == self.model]

        def rank(row: Row) -> tuple[int, int, bool]:
            return len((row.get("settings") or "").split()), -row["data.resize"], row["test_acc"] is None

        plain = min(candidates, key=rank, default=None)
        return plain["label"] if plain else None

    def paragraphs(
        self, rows: Sequence[Row], baseline: Row | None, at_least: float | None, language: Language
    ) -> list[str]:
        """Return the draft of an answer, or what it waits for: the baseline and another row that are completed.

        It speaks of runs on the baseline's images alone.
        """
        if baseline is None:
            return [say(language, "no_baseline", model=self.model)]
        if baseline["test_acc"] is None:
            return [say(language, "no_answer", label=baseline["label"])]
        elsewhere = [row["label"] for row in rows if row.get("data") != baseline.get("data")]
        rows = [row for row in rows if row.get("data") == baseline.get("data")]
        done = [row for row in rows if all(row.get(key) is not None for key in NEEDED)]
        others = [row["label"] for row in rows if row["test_acc"] and not any(row is each for each in done)]
        left_out = [say(language, "not_alike", labels=named(language, others))] if others else []
        if elsewhere:
            left_out.append(say(language, "not_of_these_images", labels=named(language, elsewhere)))
        compared = len(done) > 1 and any(row is baseline for row in done)
        paragraphs = self.answer(done, baseline, at_least, language) if compared else []
        if not paragraphs:
            return [say(language, "no_other", label=baseline["label"]), *left_out]
        if (images := baseline["runs"][0]["data"]) != "fashion_mnist":
            paragraphs.insert(0, say(language, "other_images", data=images))
        paragraphs += [training_of(done, language), *left_out]
        statuses = {row["label"]: {run["status"] for run in row["runs"]} for row in rows}
        absent = [row["label"] for row in rows if row["test_acc"] is None]
        if waiting := [label for label in absent if statuses[label] != {"n/a"}]:
            paragraphs.append(say(language, "without", labels=named(language, waiting)))
        if partly := [row["label"] for row in done if statuses[row["label"]] != {"completed"}]:
            paragraphs.append(say(language, "partly", labels=named(language, partly)))
        if alone := [row["label"] for row in done if row["test_acc"].deviation is None]:
            key = "one_seed" if len(alone) == len(done) else "one_seed_of"
            paragraphs.append(say(language, key, labels=named(language, alone)))
        if len(alone) < len(done) and any(len(completed(row)) < ENOUGH_SEEDS for row in done):
            paragraphs.append(say(language, "few_seeds"))
        return paragraphs


def find_question(rows: Sequence[Row]) -> Question | None:
    """Return the question that all rows belong to, or None."""
    names = {row.get("experiment") for row in rows if "protocol" in row}
    return QUESTIONS.get(names.pop() or "") if len(names) == 1 else None


def mixed_question(rows: Sequence[Row]) -> tuple[str, int] | None:
    """Return the one question that some of the rows belong to, and how many do not; None if there is no such."""
    names = [row.get("experiment") for row in rows]
    asked = {name for name in names if name in QUESTIONS}
    others = [name for name in names if name not in asked]
    return (asked.pop(), len(others)) if len(asked) == 1 and others else None


def _simplified(rows: Sequence[Row], baseline: Row, at_least: float | None, language: Language) -> list[str]:
    others = [row for row in rows if row["params"] < baseline["params"] or row["macs"] < baseline["macs"]]
    fewer = [row for row in others if row["params"] < baseline["params"]]
    enough = [row for row in fewer if row.get("enough")]
    first = [say(language, "q1_baseline", **as_shown(baseline, language))]
    for key, reached in (("q1_enough", True), ("q1_missed", False)):
        labels = [_beside(row, at_least, language) for row in rows if row.get("enough") is reached]
        if labels and at_least is not None:
            first.append(say(language, key, labels=named(language, labels), percent=f"{100 * at_least:g}%"))
        if reached and enough and at_least is not None:
            enough.sort(key=lambda row: (row["params"], -row["test_acc"].mean))
            sure = next((row for row in enough if not _is_near(row, at_least)), None)
            words = "q1_reaches" if sure is enough[0] else "q1_surely" if sure else "q1_perhaps"
            shown = as_shown(sure or enough[0], language)
            first.append(say(language, "q1_smallest", reaches=say(language, words), **shown))
        elif reached and labels and fewer:
            first.append(say(language, "q1_none"))
    paragraphs = [join(language, [*first, rates_of([baseline, *others], language)])]
    if same_size := [row for row in others if row["data.resize"] == baseline["data.resize"]]:
        saver = min(same_size, key=lambda row: row["params"])
        faster = min(same_size, key=lambda row: row["macs"])
        if saver is not faster and saver["params"] < baseline["params"] and faster["macs"] < baseline["macs"]:
            shown_rows = {"saver": as_shown(saver, language), "faster": as_shown(faster, language)}
            where = say(language, "q1_where") if baseline["dense_share"] > HALF else ""
            paragraphs.append(join(language, [say(language, "q1_why", **shown_rows), where]))
    return paragraphs


def _beside(row: Row, at_least: float | None, language: Language) -> str:
    """Return the label of a row with its accuracy, and whether that is too near to the threshold to tell."""
    alone = row["test_acc"].deviation is None
    key = "q1_at" if not _is_near(row, at_least) else "q1_unsure" if alone else "q1_near"
    return say(language, key, label=row["label"], test_acc=as_shown(row, language)["test_acc"])


def _is_near(row: Row, at_least: float | None) -> bool:
    """Say whether the accuracy of a row is too near to the threshold to tell on which side it is.

    That is so within the deviation over the seeds, and with a single seed within two standard errors of a share of its
    test images: 0.7 points for 85 % of 10,000.
    """
    accuracy = row["test_acc"]
    alone = accuracy.deviation is None
    margin = 2 * (accuracy.mean * (1 - accuracy.mean) / _num_tested(row)) ** 0.5 if alone else accuracy.deviation
    return at_least is not None and bool(margin) and abs(accuracy.mean - at_least) <= margin


def _num_tested(row: Row) -> float:
    """Return how many images the accuracy of a single run is of; infinitely many if that is not known."""
    run = completed(row)[0]
    images, limit = run["images"].get("test") or math.inf, limit_of(run, "test")
    return limit * run["data.batch_size"] if isinstance(limit, int) else images * (1.0 if limit is None else limit)


def _resolution(rows: Sequence[Row], baseline: Row, at_least: float | None, language: Language) -> list[str]:
    alike = _alike(rows, baseline, ("model", "settings"))
    smaller = [row for row in alike if row["data.resize"] < baseline["data.resize"]]
    smaller.sort(key=lambda row: -row["data.resize"])
    base = as_shown(baseline, language)
    sentences = [say(language, "q2_smaller", base=base, row=as_shown(row, language)) for row in smaller]
    padded = [row["label"] for row in smaller if row["stem"] == "small" != baseline["stem"]]
    stem = say(language, "q2_stem", labels=named(language, padded)) if padded else ""
    rates = rates_of([baseline, *smaller], language)
    return [join(language, [*sentences, rates]), join(language, [say(language, "q2_why"), stem])] if sentences else []


def _alike(rows: Sequence[Row], baseline: Row, keys: Sequence[str]) -> list[Row]:
    """Return the rows that have the baseline's values of `keys` and of a recipe; other times and epochs are told."""
    same = (*keys, "optimizer", "scheduler", "protocol")
    return [row for row in rows if all(row.get(key) == baseline.get(key) for key in same)]


def _ladder(rows: Sequence[Row], baseline: Row, at_least: float | None, language: Language) -> list[str]:
    others = [row for row in rows if row["model"] in BEFORE]
    alike = _alike(rows, baseline, ("data.resize",))
    steps = [row for row in alike if row["model"] in LADDER and row is not baseline]
    steps.sort(key=lambda row: LADDER.index(row["model"]))
    shares = [say(language, "q3_share", **as_shown(row, language)) for row in (*others, baseline)]
    why = {*BEFORE} <= {row["model"] for row in others}
    ladder = [say(language, "q3_baseline", **as_shown(baseline, language))]
    ladder += [say(language, "q3_step", base=baseline["label"], **as_shown(row, language)) for row in steps]
    ladder.append(rates_of([baseline, *steps], language))
    return [join(language, [*shares, say(language, "q3_why") if why else ""]), join(language, ladder)]


QUESTIONS = {
    "alexnet_simplified": Question("q1", "alexnet", 0.85, _simplified),
    "vgg_resolution": Question("q2", "vgg11", None, _resolution),
    "inception_ladder": Question("q3", "googlenet", None, _ladder),
}
