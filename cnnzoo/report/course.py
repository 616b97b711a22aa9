"""The course's three open questions: with what their reports compare, and the draft of an answer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cnnzoo.report.columns import as_shown
from cnnzoo.report.runs import Row
from cnnzoo.report.texts import Language, join, say

LADDER = ("googlenet", "googlenet_bn", "inception_fact", "inception_res", "inception_v3", "inception_resnet_v2")


@dataclass(frozen=True)
class Question:
    """One question of the course.

    Attributes:
        title: key of its title in `texts.py`.
        model: of the baseline, which is that with the largest images and no settings of its own.
        at_least: test accuracy that is asked for, or None.
        answer: completed rows, the baseline among them, and language to paragraphs.
    """

    title: str
    model: str
    at_least: float | None
    answer: Callable[[Sequence[Row], Row, Language], list[str]]

    def baseline(self, rows: Sequence[Row]) -> str | None:
        """Return the label of the row that the others are compared with, or None if there is none."""
        plain = [row for row in rows if row["model"] == self.model and not row.get("settings")]
        return max(plain, key=lambda row: row["data.resize"])["label"] if plain else None

    def paragraphs(self, rows: Sequence[Row], baseline: Row | None, language: Language) -> list[str]:
        """Return the draft of an answer; none before the baseline and another row are completed."""
        done = [row for row in rows if row["test_acc"] is not None]
        known = len(done) > 1 and any(row is baseline for row in done)
        return self.answer(done, baseline, language) if known and baseline else []


def find_question(rows: Sequence[Row]) -> Question | None:
    """Return the question that all rows belong to, or None."""
    names = {row["experiment"] for row in rows if row.get("experiment")}
    return QUESTIONS.get(names.pop()) if len(names) == 1 else None


def _simplified(rows: Sequence[Row], baseline: Row, language: Language) -> list[str]:
    others = [row for row in rows if row is not baseline]
    enough = [row for row in others if row.get("enough")]
    missed = [row for row in others if not row.get("enough")]
    first = [say(language, "q1_baseline", **as_shown(baseline))]
    if enough:
        smallest = min(enough, key=lambda row: row["params"])
        first.append(say(language, "q1_enough", labels=_labels(enough, language)))
        first.append(say(language, "q1_smallest", **as_shown(smallest)))
    if missed:
        first.append(say(language, "q1_missed", labels=_labels(missed, language)))
    paragraphs = [join(language, first)]
    if same_size := [row for row in others if row["data.resize"] == baseline["data.resize"]]:
        saver = max(same_size, key=lambda row: row["params_saved"])
        faster = max(same_size, key=lambda row: row["time_saved"])
        if saver is faster:
            return paragraphs
        paragraphs.append(say(language, "q1_why", saver=as_shown(saver), faster=as_shown(faster)))
    return paragraphs


def _resolution(rows: Sequence[Row], baseline: Row, language: Language) -> list[str]:
    smaller = [row for row in rows if row["model"] == baseline["model"] and row is not baseline]
    smaller.sort(key=lambda row: -row["data.resize"])
    base = as_shown(baseline)
    sentences = [say(language, "q2_smaller", base=base, row=as_shown(row)) for row in smaller]
    return [join(language, sentences), say(language, "q2_why")] if sentences else []


def _ladder(rows: Sequence[Row], baseline: Row, language: Language) -> list[str]:
    others = [row for row in rows if row["model"] not in LADDER]
    steps = [row for row in rows if row["model"] in LADDER and row is not baseline]
    steps.sort(key=lambda row: LADDER.index(row["model"]))
    shares = [say(language, "q3_share", **as_shown(row)) for row in (*others, baseline)]
    ladder = [say(language, "q3_baseline", **as_shown(baseline))]
    ladder += [say(language, "q3_step", **as_shown(row)) for row in steps]
    return [join(language, [*shares, say(language, "q3_why") if others else ""]), join(language, ladder)]


def _labels(rows: Sequence[Row], language: Language) -> str:
    return ("、" if language == "zh" else ", ").join(f"{row['label']} ({as_shown(row)['test_acc']})" for row in rows)


QUESTIONS = {
    "alexnet_simplified": Question("q1", "alexnet", 0.85, _simplified),
    "vgg_resolution": Question("q2", "vgg11", None, _resolution),
    "inception_ladder": Question("q3", "googlenet", None, _ladder),
}
