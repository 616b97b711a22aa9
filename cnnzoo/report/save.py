"""A report in its format, on the screen or in a folder with its figures."""

from pathlib import Path

from cnnzoo.errors import UserError
from cnnzoo.record import atomic_file, numbered
from cnnzoo.report.document import Document, csv, latex, markdown, save_figures
from cnnzoo.report.page import page

NAMES = {"md": "report.md", "csv": "report.csv", "latex": "report.tex", "html": "report.html"}
FIGURES = "figures"


def render(document: Document, style: str, *, figures: bool = False) -> str:
    """Return the text of the report as md, csv, latex or html; with `figures` it refers to those that `save` writes."""
    if style == "csv":
        return csv(document)
    if style == "html":
        return page(document)
    return (markdown if style == "md" else latex)(document, FIGURES if figures else None)


def save(document: Document, style: str, folder: Path) -> list[Path]:
    """Write the report into `folder`, and its figures as SVG, PDF and PNG below it; return what was written.

    If something else is there already, it goes into a folder beside it, with a number.

    Raises:
        UserError: the folder cannot be written.
    """
    text = render(document, style, figures=True).encode()
    try:
        path = _choose(folder, NAMES[style], text) / NAMES[style]
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_file(path) as file:
            file.write(text)
        return [path, *save_figures(document, path.parent / FIGURES)]
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}\ntype --save DIR with another folder") from error


def _choose(folder: Path, name: str, text: bytes) -> Path:
    """Return the first of FOLDER, FOLDER-2, ... that has no other report, nor figures of another."""

    def is_free(candidate: Path) -> bool:
        others = any((candidate / each).exists() for each in (*NAMES.values(), FIGURES))
        return not others or ((candidate / name).exists() and (candidate / name).read_bytes() == text)

    return next(each for each in numbered(folder) if is_free(each))
