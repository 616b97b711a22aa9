"""A folder of runs made a report: which tables and figures, and what stands below them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from cnnzoo.errors import UserError
from cnnzoo.report import course, figures
from cnnzoo.report.columns import KEYS, SIZE, TRAINING, columns, complete, known_keys
from cnnzoo.report.document import Document, Figure, Heading, Paragraph, Table
from cnnzoo.report.pool import GROUPS, add_settings, compare, drop_repeats, find_row, pool
from cnnzoo.report.runs import Row, read_runs
from cnnzoo.report.tables import Column
from cnnzoo.report.texts import Language, say

CIRCUMSTANCES = (
    *(
        "trainer.max_epochs",
        "data.batch_size",
        "trainer.limit_train_batches",
        "device",
        "threads",
        "precision",
        "slots",
    ),
)
USUAL = {"trainer.limit_train_batches": ["1.0"], "slots": ["1"]}  # not worth saying
CURVES, MATRICES = 8, 4  # rows in one figure, beyond which it cannot be read: the best
SHA_LENGTH, COMMIT_LENGTH = 12, 10  # letters of checksums and commits that are shown


def make_report(
    folder: Path,
    *,
    rows: Sequence[str] = (),
    pivot: str | None = None,
    baseline: str | None = None,
    at_least: float | None = None,
    language: Language = "en",
) -> Document:
    """Return the report of the runs in `folder`.

    Args:
        folder: of a sweep, or of any runs.
        rows: keys of the configuration whose values make a row; by default those in which the runs differ, but seeds.
        pivot: key whose values make columns, in tables of accuracy and time.
        baseline: the label of a row, or a model: what the others are compared with.
        at_least: test accuracy that is asked for, a fraction.
        language: en or zh.

    Raises:
        UserError: there are no runs, no such key, or no such row.
    """
    runs, repeats = drop_repeats(read_runs(folder))
    add_settings(runs)
    question = course.find_question(runs)
    keys = list(rows) or _keys(runs)
    known = {key for row in runs for key in row}
    if unknown := [key for key in (*keys, *([pivot] if pivot else [])) if key not in known]:
        raise UserError(f"unknown key {unknown[0]!r}\ntype keys of the configuration, such as model or data.resize")
    if pivot is not None and pivot in keys:
        keys.remove(pivot)
    pooled, mixed = pool(runs, [*keys, *([pivot] if pivot else [])])
    if question and not pivot and not rows:
        baseline, at_least = baseline or question.baseline(pooled), at_least or question.at_least
    first = find_row(pooled, baseline) if baseline else None
    if first is not None or at_least is not None:
        compare(pooled, first, at_least)
    notes = _notes(runs, repeats, mixed, first, at_least, language)
    title = say(language, question.title) if question else say(language, "runs", folder=folder)
    document = Document(language, [Heading(title, 1)])
    if pivot:
        document.blocks += _pivots(pooled, keys, pivot, notes, language)
    else:
        complete(pooled)
        if question:
            document.blocks += [Paragraph(each) for each in question.paragraphs(pooled, first, language)]
        for caption, shown in (("results", TRAINING), ("sizes", SIZE)):
            found = columns(known_keys((*keys, *shown), pooled), language)
            document.blocks.append(Table(found, pooled, say(language, caption), notes))
    document.blocks += _figures(pooled, at_least, language)
    return document


def _keys(runs: Sequence[Row]) -> list[str]:
    """Return the keys in which the runs differ, and always the model and the size of the images."""

    def varies(key: str) -> bool:
        return len({row.get(key) for row in runs if row.get(key) is not None}) > 1

    groups = [key for key in GROUPS if key in ("model", "data.resize") or varies(key)]
    return [*groups, *(["settings"] if any(row["settings"] for row in runs) else [])]


def _pivots(pooled: Sequence[Row], keys: Sequence[str], pivot: str, notes: list[str], language: Language) -> list[Any]:
    values = list(dict.fromkeys(row[pivot] for row in pooled if row.get(pivot) is not None))
    values.sort(key=lambda value: (isinstance(value, str), value))
    tables = []
    for figure in ("test_acc", "seconds_per_epoch", "params", "macs"):
        (measured,) = columns([figure], language)
        lines: dict[tuple[Any, ...], Row] = {}
        for row in pooled:
            line = lines.setdefault(tuple(row.get(key) for key in keys), {key: row.get(key) for key in keys})
            ended = row["status"] if row[figure] is None else None
            line[f"{row[pivot]}"] = row[figure] if ended in (None, "completed") else ended
        name = KEYS.get(pivot, (pivot, pivot))[language == "zh"]
        show = _show_or_say(measured)
        across = [Column(f"{value}", f"{value}", show) for value in values]
        caption = f"{measured.title} / {name}"
        tables.append(Table([*columns(keys, language), *across], list(lines.values()), caption, notes))
    return tables


def _show_or_say(column: Column) -> Any:
    return lambda value: value if isinstance(value, str) else column.show(value)


def _figures(pooled: Sequence[Row], at_least: float | None, language: Language) -> list[Figure]:
    tested = [row for row in pooled if row["test_acc"]]
    best = sorted(tested, key=lambda row: -row["test_acc"].mean)
    found = []
    if len(tested) > 1:
        for name, cost in (("accuracy-time", "seconds_per_epoch"), ("accuracy-parameters", "params")):
            caption = say(language, "trade_off", cost=say(language, cost))
            draw = partial(figures.draw_trade_off, tested, cost, language, at_least)
            found.append(Figure(name, caption, draw))
    if tested:
        shown = [row for row in tested if any(row is each for each in best[:CURVES])]
        caption = say(language, "curves" if len(shown) == len(tested) else "best_curves")
        found.append(Figure("curves", caption, partial(figures.draw_curves, shown, language)))
    counted = [row for row in pooled if row.get("conv_params") is not None]
    if len(counted) > 1:
        draw = partial(figures.draw_parameters, counted, language)
        found.append(Figure("parameters", say(language, "parameters"), draw))
    if confused := [row for row in best if figures.has_confusion(row)][:MATRICES]:
        draw = partial(figures.draw_confusion, confused, language)
        found.append(Figure("confusion", say(language, "confusion"), draw))
    return found


def _notes(
    runs: Sequence[Row], repeats: int, mixed: list[str], first: Row | None, at_least: float | None, language: Language
) -> list[str]:
    """Return what holds for all rows of a table, and how to read it."""
    made = [row for row in runs if row.get("device")]

    def values(get: Callable[[Row], Any]) -> list[str]:
        return list(dict.fromkeys(str(value) for row in made if (value := get(row)) not in (None, "")))

    notes = [say(language, name) for name in values(lambda row: row["protocol"])]
    for key in CIRCUMSTANCES:
        found = values(itemgetter(key))
        if found and found != USUAL.get(key):
            notes.append(say(language, key, value=" / ".join(found)))
    notes += values(lambda row: " ".join(f"{name} {version}" for name, version in row["versions"].items()))
    files = {name: sha[:SHA_LENGTH] for row in made for name, sha in row["files"].items()}
    if files:
        notes.append("sha256 " + ", ".join(f"{name} {sha}" for name, sha in sorted(files.items())))
    if commits := " / ".join(values(lambda row: _commit(row["git"]))):
        notes.append(f"commit {commits} " + (say(language, "dirty") if "+" in commits else ""))
    if dates := sorted(values(lambda row: (row.get("started") or "")[:10])):
        notes.append(" / ".join(dict.fromkeys((dates[0], dates[-1]))))
    if first is not None:
        notes.append(say(language, "compared", label=first["label"]))
    if at_least is not None:
        notes.append(say(language, "threshold", percent=f"{100 * at_least:g}%"))
    if repeats:
        notes.append(say(language, "repeats", count=repeats))
    if mixed:
        notes.append(say(language, "mixed", labels=", ".join(mixed)))
    return [note.strip() for note in notes]


def _commit(git: Mapping[str, Any]) -> str | None:
    return f"{git['commit'][:COMMIT_LENGTH]}{'+' if git.get('dirty') else ''}" if git else None
