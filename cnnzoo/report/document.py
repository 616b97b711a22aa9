"""A report before it has a format: headings, paragraphs, tables and figures; and as Markdown, LaTeX or CSV."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cnnzoo.report.compare import Change
from cnnzoo.report.pool import Spread
from cnnzoo.report.runs import Row
from cnnzoo.report.tables import Column, escape_latex, to_csv, to_latex, to_markdown
from cnnzoo.report.texts import Language

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing  # which takes half a second to load


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows with their caption."""

    columns: Sequence[Column]
    rows: Sequence[Row]
    caption: str
    figure: str = ""  # the key of the column that these values are of, where each figure has a table


@dataclass(frozen=True)
class Notes:
    """What holds for all rows of the tables above."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Figure:
    """A drawing that is made when it is needed.

    Attributes:
        name: of its files.
        caption: below it.
        draw: makes it.
    """

    name: str
    caption: str
    draw: Callable[[], "Drawing"]


Block = Paragraph | Table | Notes | Figure


@dataclass
class Document:
    """A report: its title, and its blocks in their order."""

    language: Language
    title: str
    blocks: list[Block] = field(default_factory=list)

    @property
    def figures(self) -> list[Figure]:
        """The figures alone."""
        return [block for block in self.blocks if isinstance(block, Figure)]


def markdown(
    document: Document, figures: str | None, show: Callable[[Sequence[Column], Sequence[Row]], str] = to_markdown
) -> str:
    """Return the report as Markdown, its tables as `show` has them; figures are links into a folder, or left out."""
    parts = [f"# {document.title}"]
    for block in document.blocks:
        match block:
            case Paragraph(text):
                parts.append(text)
            case Table(columns, rows, caption):
                parts += [caption, show(columns, rows).rstrip()]
            case Notes(lines):
                parts.append("\n".join(f"- {line}" for line in lines))
            case Figure(name, caption, _):
                parts += [f"![{caption}]({figures}/{name}.png)"] if figures else []
    return "\n\n".join(part for part in parts if part) + "\n"


def csv(document: Document) -> str:
    """Return the plain values of the first table and those with the same rows as one; beside a mean, its deviation."""
    tables = [block for block in document.blocks if isinstance(block, Table)]
    rows = tables[0].rows
    if len(tables) > 1 and tables[1].rows is not rows:  # of several figures
        rows = [{"figure": table.figure, **row} for table in tables for row in table.rows]
        columns = [Column("figure", ""), *tables[0].columns]
    else:
        columns = [column for table in tables if table.rows is rows for column in table.columns]
    merged: dict[str, Column] = {}
    for column in columns:
        merged[column.key] = column
        if any(isinstance(row.get(column.key), Spread) for row in rows):
            merged[f"{column.key}_std"] = Column(f"{column.key}_std", "")
    if any(row.get("pooled") for row in rows):  # which others say in a note
        merged["pooled"] = Column("pooled", "")
    return to_csv(list(merged.values()), [_plain(row) for row in rows])


def _plain(row: Row) -> Row:
    plain = dict(row)
    for key, value in row.items():
        if isinstance(value, Spread):
            plain |= {key: value.mean, f"{key}_std": value.deviation}
        elif isinstance(value, Change):
            plain[key] = value.value
        elif key == "structure" and value is not None:
            plain[key] = "{} conv + {} dense".format(*value)
        elif key == "seeds":
            plain[key] = value.replace("/", " of ")  # 2/3 would be a day of March in a spreadsheet
        elif key == "status":
            plain[key] = value or "completed"
        elif key == "peak_bytes" and value is not None:
            plain[key] = round(value)
    return plain


HEAD = r"""\documentclass{%s}
\usepackage[a4paper,margin=2cm]{geometry}
\usepackage{amssymb,booktabs,graphicx}
\begin{document}
"""
SHRINK = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}"  # to the width of the text, if wider
PAGE = 40  # rows


def latex(document: Document, figures: str | None) -> str:
    """Return the report as a LaTeX document; one with Chinese in it is of class ctexart, to be compiled by XeLaTeX."""
    parts = [rf"\section*{{{escape_latex(document.title)}}}"]
    for block in document.blocks:
        match block:
            case Paragraph(text):
                parts.append(escape_latex(text))
            case Table():
                parts += _latex_tables(block)
            case Notes(lines):
                parts.append(
                    "{\\footnotesize\\parindent=0pt\n" + "".join(f"{escape_latex(line)}\\par\n" for line in lines) + "}"
                )
            case Figure(name, caption, _):
                picture = rf"\includegraphics[width=0.8\linewidth]{{{figures}/{name}.pdf}}"
                lines = [picture, rf"\caption{{{escape_latex(caption)}}}"]
                parts += ["\n".join([r"\begin{figure}[htbp]\centering", *lines, r"\end{figure}"])] if figures else []
    text = "\n\n".join([*parts, r"\end{document}"]) + "\n"
    return HEAD % ("ctexart" if any("\u2e80" <= sign <= "\uffef" for sign in text) else "article") + text


def _latex_tables(table: Table) -> list[str]:
    """Return the table in parts that fit on a page each; a float is not broken."""
    parts = []
    for first in range(0, len(table.rows), PAGE):
        rows = table.rows[first : first + PAGE]
        part = f" ({first + 1} -- {first + len(rows)})" if len(table.rows) > PAGE else ""
        lines = [
            rf"\caption{{{escape_latex(table.caption)}{part}}}\smallskip",
            f"{SHRINK}{{%\n{to_latex(table.columns, rows)}}}",
        ]
        parts.append("\n".join([r"\begin{table}[htbp]\centering", *lines, r"\end{table}"]))
    return parts


def figure_files(document: Document) -> dict[str, bytes]:
    """Return each figure as SVG, PDF and PNG, without dates in them, by the names of their files."""
    from cnnzoo.report.style import write

    files = {}
    for figure in document.figures:
        drawing = figure.draw()
        for style in ("svg", "pdf", "png"):
            write(drawing, file := io.BytesIO(), style)
            files[f"{figure.name}.{style}"] = file.getvalue()
    return files
