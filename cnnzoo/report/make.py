"""A folder of runs made a report: which tables and figures, and what stands below them."""

from collections.abc import Sequence
from pathlib import Path

from cnnzoo.errors import UserError
from cnnzoo.report import course, notes, questions
from cnnzoo.report.chosen import figures_of
from cnnzoo.report.columns import KEYS, SIZE, TRAINING, columns, complete, known_keys, legend
from cnnzoo.report.compare import compare, find_row
from cnnzoo.report.document import Document, Notes, Paragraph, Table
from cnnzoo.report.pivot import pivot_figure, pivot_tables
from cnnzoo.report.pool import (
    CIRCUMSTANCES,
    GROUPS,
    add_settings,
    drop_repeats,
    fill_in,
    pool,
)
from cnnzoo.report.recipes import in_part
from cnnzoo.report.runs import Row, read_runs
from cnnzoo.report.texts import Language, named, say

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
NAMED, DATA = 4, {"fashion_mnist": "Fashion-MNIST"}  # nets and data sets in a title
HEADINGS = {heading: key for key, headings in KEYS.items() for heading in headings if heading != key}  # of tables


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
    own = answer and (not first or first["model"] == answer.model)  # the draft speaks of no other net's
    document = Document(language, say(language, question.title) if question else _title(runs, language))
    if answer and own:
        document.blocks += [Paragraph(each) for each in answer.paragraphs(pooled, first, at_least, language)]
    tables = pivot_tables(pooled, keys, pivot, language) if pivot else _tables(pooled, keys, language)
    shown = [*(column.key for table in tables for column in table.columns), *(table.figure for table in tables)]
    told = [legend([key for key in (*shown, pivot) if key], pooled, language)]
    if answer and first and not own:
        told.append(say(language, "another_baseline", model=answer.model, label=first["label"]))
    if not pivot and not rows and not question and (stray := questions.mixed_question(runs)):
        told.append(say(language, "other_runs", name=stray[0], count=stray[1]))
    if pivot:
        (status,) = columns(["status"], language)
        told += dict.fromkeys(status.show(f"n/a: {row['reason']}") for row in pooled if row["reason"])
        if partly := [row["label"] for row in pooled if row["test_acc"] and row["status"]]:
            told.append(say(language, "partly", labels=named(language, partly)))
    told += notes.of_comparison(pooled, first, at_least, language)
    if not (answer and own):  # whose draft says it
        told += in_part(pooled, language)
    told += notes.of_training(runs, common, language) + notes.of_sources(folders, runs, repeats, language)
    document.blocks += [*tables, Notes([note for note in told if note])]
    if drawn:
        along = pivot_figure(pooled, keys, pivot, language) if pivot else None
        document.blocks += [*([along] if along else []), *figures_of(pooled, first, at_least, language)]
    return document


def _title(runs: Sequence[Row], language: Language) -> str:
    """Return which nets were trained on what, as far as it is known."""
    models, data = (list(dict.fromkeys(row[key] for row in runs if row.get(key))) for key in ("model", "data"))
    nets = named(language, models) if len(models) <= NAMED else say(language, "nets", count=len(models))
    sets = named(language, [DATA.get(each, each) for each in data])
    return say(language, "title", nets=nets, data=sets) if sets else nets


def _tables(pooled: Sequence[Row], keys: Sequence[str], language: Language) -> list[Table]:
    """Return what came of the training, and how large the nets are; `keys` make a row."""
    parts = (("results", keys, TRAINING), ("sizes", _of_nets(keys, pooled), SIZE))
    found = {caption: columns(known_keys(named_by, more, pooled), language) for caption, named_by, more in parts}
    return [Table(shown, pooled, say(language, caption)) for caption, shown in found.items()]


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
