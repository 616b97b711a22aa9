"""What stands below the tables of a report: how to read them, how the nets were trained, and what it all comes from."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnzoo.report import course
from cnnzoo.report.columns import columns
from cnnzoo.report.compare import comparable_times
from cnnzoo.report.pool import CIRCUMSTANCES, short_key
from cnnzoo.report.recipes import completed
from cnnzoo.report.runs import Row
from cnnzoo.report.texts import Language, listed, named, say

USUAL = {"slots": ["1"], "pieces": ["1"]}  # not worth saying
RECIPE = ("data", "optimizer", "optimizer.lr", "scheduler")
FAR_TIMES, FAR_SEEDS = 1.5, 0.05  # times as long an epoch (and a second more), and more accuracy, within a row
SHA_LENGTH, COMMIT_LENGTH = 12, 10  # characters of checksums and commits that are shown


def of_comparison(rows: Sequence[Row], baseline: Row | None, at_least: float | None, language: Language) -> list[str]:
    """Return how the rows of a table compare with one another, and where they do not."""
    notes = []
    if baseline is not None and baseline["test_acc"]:
        notes.append(say(language, "compared", label=baseline["label"]))
        if any(row.get("acc_change") and row["acc_change"].within_spread is None for row in rows):
            notes.append(say(language, "starred"))
    if at_least is not None:
        notes.append(say(language, "threshold", percent=f"{100 * at_least:g}%"))
    if any("course_px" in row for row in rows):
        notes.append(say(language, "beside_course"))
        if others := [say(language, f"course_{net}") for net in course.other_nets(rows)]:
            notes.append(say(language, "course_others", nets=listed(language, others)))
    if len(_values([run for row in rows if row["test_acc"] for run in row["runs"]], "data")) > 1:
        notes.append(say(language, "other_data"))
    elif not comparable_times(rows):
        notes.append(say(language, "other_times"))
    notes += far_apart(rows, language)
    if mixed := [f"{row['label']} ({row['pooled']})" for row in rows if row["pooled"]]:
        notes.append(say(language, "mixed", labels=named(language, mixed)))
    return notes


def far_apart(rows: Sequence[Row], language: Language) -> list[str]:
    """Return which rows have runs, equal but for seeds, whose times or accuracies are far apart."""

    def seconds(value: float) -> str:
        return say(language, "seconds", count=f"{value:,.1f}")

    notes = []
    for key, sentence, is_far, show in (
        ("seconds_per_epoch", "far_times", lambda low, high: high > max(FAR_TIMES * low, low + 1), seconds),
        ("test_acc", "far_seeds", lambda low, high: high - low > FAR_SEEDS, "{:.2%}".format),
    ):
        if ranges := _ranges(rows, key, is_far, show, language):
            notes.append(say(language, sentence, rows=listed(language, ranges)))
    return notes


def of_training(runs: Sequence[Row], common: Mapping[str, str], language: Language) -> list[str]:
    """Return how the runs were trained and on what, as far as no table says it; `common` are settings of all."""
    made = [row for row in runs if row.get("device")]
    notes = [say(language, name) for name in _values(made, "protocol")]
    used = {column.title: _values(made, column.key) for column in columns(RECIPE, language)}
    notes += [listed(language, [f"{title} {' / '.join(each)}" for title, each in used.items() if each])] if made else []
    found = {key: _values(made, key) for key in CIRCUMSTANCES}
    worth = {key: values for key, values in found.items() if values and values != USUAL.get(key)}
    notes += [listed(language, [say(language, key, value=" / ".join(values)) for key, values in worth.items()])]
    if common:
        told = " ".join(f"{short_key(key)}={value}" for key, value in common.items())
        notes.append(say(language, "common", values=told))
    return notes


def of_sources(folders: Sequence[Path], runs: Sequence[Row], repeats: int, language: Language) -> list[str]:
    """Return where the figures come from; `repeats` is how many runs are left out."""
    made = [row for row in runs if row.get("device")]

    def of_parts(key: str, show: Callable[[Mapping[str, Any]], str | None]) -> list[str]:
        return list(dict.fromkeys(text for row in made for part in row[key] if (text := show(part))))

    dates = sorted(started[:10] for started in _values(made, "started"))
    places = [say(language, "from", folders=named(language, [*map(str, folders)]))]
    notes = [listed(language, [*places, " / ".join(dict.fromkeys((dates[0], dates[-1])))] if dates else places)]
    if repeats:
        notes.append(say(language, "repeats", count=repeats))
    notes += of_parts("versions", lambda part: " ".join(f"{name} {version}" for name, version in part.items()))
    if commits := " / ".join(of_parts("git", _commit)):
        notes.append(f"commit {commits} {say(language, 'dirty') if '+' in commits else ''}".strip())
    files: dict[str, list[str]] = {}
    for name, sha in dict.fromkeys(each for row in made for each in sorted(row["files"].items())):
        files.setdefault(name, []).append(sha[:SHA_LENGTH])
    if files:
        notes.append("sha256 " + ", ".join(f"{name} {' / '.join(shas)}" for name, shas in files.items()))
    if any(len(shas) > 1 for shas in files.values()):
        notes.append(say(language, "differ"))
    return notes


def _values(runs: Sequence[Row], key: str) -> list[str]:
    """Return the values of the runs as text, each once."""
    return list(dict.fromkeys(str(run[key]) for run in runs if run.get(key) not in (None, "")))


def _ranges(
    rows: Sequence[Row],
    key: str,
    is_far: Callable[[float, float], bool],
    show: Callable[[float], str],
    language: Language,
) -> list[str]:
    """Return the lowest and the highest value of each row whose completed runs, equal but for seeds, are far apart."""
    ranges = []
    for row in rows:
        values = [run[key] for run in completed(row) if run.get(key) is not None]
        if len(values) > 1 and not row["pooled"] and is_far(min(values), max(values)):
            low, high = show(min(values)), show(max(values))
            ranges.append(say(language, "range", label=row["label"], low=low, high=high))
    return ranges


def _commit(git: Mapping[str, Any]) -> str | None:
    return f"{git['commit'][:COMMIT_LENGTH]}{'+' if git.get('dirty') else ''}" if git else None
