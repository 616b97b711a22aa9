"""Tables for the screen, a notebook, a spreadsheet or a paper, from one description of their columns."""

import csv
import io
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

LATEX = {each: f"\\{each}" for each in "&%$#_{}"} | {
    "[": "{[}",  # behind the end of a line it would be an argument
    "~": r"\textasciitilde{}",
    "^": r"\^{}",
    "\\": r"\textbackslash{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "−": r"$-$",
    "×": r"$\times$",
    "≥": r"$\geq$",
    "✓": r"\checkmark{}",
    "✗": r"$\times$",
}
FOLDED = ("settings", "status")  # keys of columns whose texts may take several lines on a terminal
LEAST = 16  # signs on a line of a first column that is folded


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: of the value in a row; the column's name in CSV.
        title: for readers.
        show: makes text of a value for readers; values that are None stay blank.
        left: whether the text is aligned to the left, as words are; figures are aligned to the right.
    """

    key: str
    title: str
    show: Callable[[Any], str] = str
    left: bool = False


def to_csv(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the plain values with a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.key for column in columns])
    writer.writerows([row.get(column.key) for column in columns] for row in rows)
    return text.getvalue()


def to_markdown(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table for Markdown whose columns are aligned on the screen, too."""
    shown = [[column.title for column in columns], *texts(columns, rows)]
    shown = [[" ".join(text.replace("|", "\\|").split("\n")) for text in line] for line in shown]
    widths = [max(3, *map(_width, cells)) for cells in zip(*shown, strict=True)]
    rule = [
        "-" * width if column.left else "-" * (width - 1) + ":" for column, width in zip(columns, widths, strict=True)
    ]
    lines = [
        [
            text + (width - _width(text)) * " " if column.left else (width - _width(text)) * " " + text
            for column, text, width in zip(columns, line, widths, strict=True)
        ]
        for line in shown
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in (lines[0], rule, *lines[1:]))


def _width(text: str) -> int:
    """Return how many columns of a terminal `text` takes: Chinese letters take two."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def to_screen(
    columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], width: int, spared: Sequence[str] = ()
) -> Group:
    """Return a table for a terminal, and below it the names of the columns for which there is no room.

    Args:
        columns: as they would all be shown.
        rows: with their values.
        width: of the terminal.
        spared: keys of columns that are left out one after another, those in one word together. Then texts of the first
            column may take several lines, and others are left out from the right.
    """
    order = [*spared, *(column.key for column in columns[:0:-1] if column.key not in " ".join(spared).split())]
    trials = [*range(len(spared) + 1), *range(len(spared), len(order) + 1)]
    for trial, count in enumerate(trials):
        absent = " ".join(order[:count]).split()
        shown = [column for column in columns if column.key not in absent]
        table, needed = Table(box=None, padding=(0, 1, 0, 0)), 0
        lines = texts(shown, rows)
        for column, *cells in zip(shown, *lines, strict=True):
            folds = column.key in FOLDED
            pieces = [word for text in cells for word in (text.split() if folds else [text])]
            least = max(map(_width, [*column.title.split(), *pieces]))
            if column is columns[0] and trial > len(spared):
                folds, least = True, min(least, LEAST)
            needed += least + 1
            table.add_column(
                column.title.replace(" ", "\n"),
                justify="left" if column.left else "right",
                no_wrap=not folds,
                min_width=least,
                overflow="fold",
            )
        if needed <= width:
            break
    for line in lines:
        table.add_row(*line)
    titles = dict.fromkeys(column.title for column in columns if column not in shown)
    return Group(table, *([Text(f"no room for: {', '.join(titles)}", style="dim")] if titles else []))


def on_screen(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]], spared: Sequence[str] = ()) -> str:
    """Return the text of a table for the terminal at hand, as `to_screen`."""
    console = Console(markup=False, highlight=False)
    with console.capture() as captured:
        console.print(to_screen(columns, rows, console.width, spared))
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def to_latex(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a `tabular` for LaTeX with the rules of the package booktabs."""
    lines = [[column.title for column in columns], *texts(columns, rows)]
    head, *body = (" & ".join(map(escape_latex, line)) for line in lines)
    alignment = "".join("l" if column.left else "r" for column in columns)
    inner = [r"\toprule", rf"{head} \\", r"\midrule", *(rf"{line} \\" for line in body), r"\bottomrule"]
    return "\n".join([rf"\begin{{tabular}}{{{alignment}}}", *inner, r"\end{tabular}", ""])


def escape_latex(text: str) -> str:
    """Return `text` with what is special to LaTeX written so that it is printed; ticks need the package amssymb."""
    return "".join(LATEX.get(sign, sign) for sign in text)


def texts(columns: Sequence[Column], rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the rows as readers see them: what is None is blank."""
    return [["" if row.get(column.key) is None else column.show(row[column.key]) for column in columns] for row in rows]


FORMATS: dict[str, Callable[[Sequence[Column], Sequence[Mapping[str, Any]]], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
}
