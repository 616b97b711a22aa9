"""A folder of runs made a report: which tables and figures, and what stands below them."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnzoo.errors import UserError
from cnnzoo.report import course, questions
from cnnzoo.report.chosen import figures_of
from cnnzoo.report.columns import KEYS, SIZE, TRAINING, columns, complete, known_keys
from cnnzoo.report.compare import comparable_times, compare, find_row
from cnnzoo.report.document import Document, Notes, Paragraph, Table
from cnnzoo.report.pivot import pivot_figure, pivot_tables
from cnnzoo.report.pool import (
    CIRCUMSTANCES,
    GROUPS,
    add_settings,
    drop_repeats,
    fill_in,
    pool,
    short_key,
)
from cnnzoo.report.recipes import completed, in_part
from cnnzoo.report.runs import Row, read_runs
from cnnzoo.report.texts import Language, listed, named, say

NO_KEYS = (  # of a run's row: what came of it, not what it was asked for
    *(
        "val_acc",
        "test_acc",
        "seconds_per_epoch",
        "training_seconds",
        "seconds_total",
        "images_per_second",
        "peak_bytes",
        "started",
    ),
    *("status", "error", "changed", "versions", "git", "files", "images", "folder"),
)
NEVER_POOLED = ("data", "protocol")  # whatever --rows says
USUAL = {"slots": ["1"], "pieces": ["1"]}  # not worth saying
HEADINGS = {heading: key for key, headings in KEYS.items() for heading in headings if heading != key}  # of tables
RECIPE = ("data", "optimizer", "optimizer.lr", "scheduler")  # said below the tables
FAR_TIMES, FAR_SEEDS = 1.5, 0.05  # times as long an epoch, and more accuracy, within a row
SHA_LENGTH, COMMIT_LENGTH = 12, 10  # characters of checksums and commits that are shown


def make_report(
    folders: Sequence[Path],
    *,
    rows: Sequence[str] = (),
    pivot: str | None = None,
    baseline: str | None = None,
    at_least: float | None = None,
    beside_course: bool = False,
    language: Language = "en",
    drawn: bool = True,
) -> Document:
    """Return the report of the runs in `folders`.

    Args:
        folders: of sweeps, or of any runs.
        rows: keys of the configuration whose values make a row; by default those in which the runs differ, but seeds.
        pivot: key whose values make columns, in tables of accuracy and time.
        baseline: the label of a row, or a model: what the others are compared with.
        at_least: test accuracy that is asked for, a fraction.
        beside_course: whether the course's own accuracy stands beside that of its nets.
        language: en or zh.
        drawn: whether figures are wanted; without them matplotlib is not loaded.

    Raises:
        UserError: there are no runs, no such key, or no such row.
    """
    if pivot and (baseline or at_least or beside_course):
        raise UserError("--columns cannot be combined with --baseline, --at-least or --course\nleave one of them out")
    if pivot and "," in pivot:
        others, _, last = pivot.rpartition(",")
        raise UserError(f"--columns takes one key (got '{pivot}')\ntype for example --rows {others} --columns {last}")
    every = read_runs(folders)
    fill_in(every)
    runs, repeats = drop_repeats(every)
    common = add_settings(runs, without=pivot)
    question = questions.find_question(runs)
    keys = _row_keys(runs, rows, pivot)
    pooled = pool(runs, [*keys, *([pivot] if pivot else [])])
    answer = question if question and not pivot and not rows else None
    if answer:
        baseline, at_least = baseline or answer.baseline(pooled), at_least or answer.at_least
    first = find_row(pooled, baseline) if baseline else None
    compare(pooled, first, at_least)
    complete(pooled)
    for number, row in enumerate(pooled):
        row["look"] = number  # the same in all figures
    if beside_course:
        if "model" not in keys:
            raise UserError("--course is about nets\ntype model among the keys of --rows")
        course.add_figures(pooled)
    notes = _notes(runs, common, repeats, pooled, first, at_least, language)
    own = answer and (not first or first["model"] == answer.model)  # the draft speaks of no other net's
    if answer and first and not own:
        notes.append(say(language, "another_baseline", model=answer.model, label=first["label"]))
    if not (answer and own):  # whose draft says it
        notes += in_part(pooled, language)
    if not pivot and not rows and not question and (stray := questions.mixed_question(runs)):
        notes.append(say(language, "other_runs", name=stray[0], count=stray[1]))
    if pivot:
        notes += dict.fromkeys(f"n/a: {row['reason']}" for row in pooled if row["reason"])
    if pivot and (partly := [row["label"] for row in pooled if row["test_acc"] and row["status"]]):
        notes.append(say(language, "partly", labels=named(language, partly)))
    where = ", ".join(map(str, folders))
    title = say(language, question.title) if question else say(language, "runs", folder=where)
    document = Document(language, title)
    if pivot:
        document.blocks += pivot_tables(pooled, keys, pivot, language)
    else:
        if answer and own:
            document.blocks += [Paragraph(each) for each in answer.paragraphs(pooled, first, at_least, language)]
        for caption, named_by, shown in (("results", keys, TRAINING), ("sizes", _of_nets(keys, pooled), SIZE)):
            found = columns(known_keys(named_by, shown, pooled), language)
            document.blocks.append(Table(found, pooled, say(language, caption)))
    document.blocks += [Notes(notes)] if notes else []
    if drawn:
        along = pivot_figure(pooled, keys, pivot, language) if pivot else None
        document.blocks += [*([along] if along else []), *figures_of(pooled, first, at_least, language)]
    return document


def _row_keys(runs: Sequence[Row], rows: Sequence[str], pivot: str | None) -> list[str]:
    """Return the keys whose values make a row: those asked for, or those in which the runs differ, but never `pivot`.

    Raises:
        UserError: no run has one of them.
    """
    keys = list(dict.fromkeys(rows)) or _differing_keys(runs)
    keys += [key for key in NEVER_POOLED if key not in keys and len({row.get(key) for row in runs}) > 1]
    known = {key for row in runs for key in row} - {*NO_KEYS}
    if unknown := [key for key in (*keys, *([pivot] if pivot else [])) if key not in known]:
        meant = HEADINGS.get(unknown[0]) or next((key for key in known if key.endswith(f".{unknown[0]}")), None)
        near = f"; did you mean {meant}?" if meant else ""
        raise UserError(f"unknown key {unknown[0]!r}{near}\ntype keys of the configuration, such as data.resize")
    return [key for key in keys if key != pivot]


def _differing_keys(runs: Sequence[Row]) -> list[str]:
    """Return the keys in which the runs differ, and always the model and the size of the images."""

    def varies(key: str) -> bool:
        return len({row.get(key) for row in runs if row.get(key) is not None}) > 1

    groups = [key for key in GROUPS if key in ("model", "data.resize") or varies(key)]
    return [*groups, *(["settings"] if any(row["settings"] for row in runs) else [])]


def _of_nets(keys: Sequence[str], pooled: Sequence[Row]) -> Sequence[str]:
    """Return the keys of rows without those that make no other net, if the rows can be told apart by the others."""
    others = [key for key in keys if key not in CIRCUMSTANCES]
    return others if len({tuple(str(row.get(key)) for key in others) for row in pooled}) == len(pooled) else keys


def _notes(
    runs: Sequence[Row],
    common: Mapping[str, str],
    repeats: int,
    pooled: Sequence[Row],
    first: Row | None,
    at_least: float | None,
    language: Language,
) -> list[str]:
    """Return what holds for all rows of a table, and how to read it."""
    made = [row for row in runs if row.get("device")]

    def values(get: Callable[[Row], Any]) -> list[str]:
        return list(dict.fromkeys(str(value) for row in made if (value := get(row)) not in (None, "")))

    def values_of(key: str) -> list[str]:
        return values(lambda row: row.get(key))

    def of_parts(key: str, show: Callable[[Mapping[str, Any]], str | None]) -> list[str]:
        return list(dict.fromkeys(text for row in made for part in row[key] if (text := show(part))))

    notes = [say(language, name) for name in values_of("protocol")]
    used = {column.title: values_of(column.key) for column in columns(RECIPE, language)}
    notes += [listed(language, [f"{title} {' / '.join(each)}" for title, each in used.items() if each])] if made else []
    for key in CIRCUMSTANCES:
        found = values_of(key)
        if found and found != USUAL.get(key):
            notes.append(say(language, key, value=" / ".join(found)))
    if common:
        notes.append(
            say(language, "common", values=" ".join(f"{short_key(key)}={value}" for key, value in common.items()))
        )
    notes += of_parts("versions", lambda part: " ".join(f"{name} {version}" for name, version in part.items()))
    files: dict[str, list[str]] = {}
    for name, sha in dict.fromkeys(each for row in made for each in sorted(row["files"].items())):
        files.setdefault(name, []).append(sha[:SHA_LENGTH])
    if files:
        notes.append("sha256 " + ", ".join(f"{name} {' / '.join(shas)}" for name, shas in files.items()))
    if any(len(shas) > 1 for shas in files.values()):
        notes.append(say(language, "differ"))
    if commits := " / ".join(of_parts("git", _commit)):
        notes.append(f"commit {commits} " + (say(language, "dirty") if "+" in commits else ""))
    if dates := sorted(values(lambda row: (row.get("started") or "")[:10])):
        notes.append(" / ".join(dict.fromkeys((dates[0], dates[-1]))))
    if first is not None and first["test_acc"]:
        notes.append(say(language, "compared", label=first["label"]))
        if any(row.get("acc_change") and row["acc_change"].within_spread is None for row in pooled):
            notes.append(say(language, "starred"))
    if at_least is not None:
        notes.append(say(language, "threshold", percent=f"{100 * at_least:g}%"))
    if any("course_px" in row for row in pooled):
        notes.append(say(language, "beside_course"))
        if others := [say(language, f"course_{net}") for net in course.other_nets(pooled)]:
            notes.append(say(language, "course_others", nets=listed(language, others)))
    if not comparable_times(pooled):
        notes.append(say(language, "other_times"))
    for key, sentence, is_far, show in (
        ("seconds_per_epoch", "far_times", lambda low, high: high > FAR_TIMES * low, "{:,.1f} s".format),
        ("test_acc", "far_seeds", lambda low, high: high - low > FAR_SEEDS, "{:.2%}".format),
    ):
        if ranges := _ranges(pooled, key, is_far, show, language):
            notes.append(say(language, sentence, rows=listed(language, ranges)))
    if repeats:
        notes.append(say(language, "repeats", count=repeats))
    if mixed := [f"{row['label']} ({row['pooled']})" for row in pooled if row["pooled"]]:
        notes.append(say(language, "mixed", labels=", ".join(mixed)))
    return [note.strip() for note in notes]


def _ranges(
    pooled: Sequence[Row],
    key: str,
    is_far: Callable[[float, float], bool],
    show: Callable[[float], str],
    language: Language,
) -> list[str]:
    """Return the lowest and the highest value of each row whose completed runs, equal but for seeds, are far apart."""
    ranges = []
    for row in pooled:
        values = [run[key] for run in completed(row) if run.get(key) is not None]
        if len(values) > 1 and not row["pooled"] and is_far(min(values), max(values)):
            low, high = show(min(values)), show(max(values))
            ranges.append(say(language, "range", label=row["label"], low=low, high=high))
    return ranges


def _commit(git: Mapping[str, Any]) -> str | None:
    return f"{git['commit'][:COMMIT_LENGTH]}{'+' if git.get('dirty') else ''}" if git else None
