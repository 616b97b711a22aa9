"""A report in its format, on the screen or in a folder with its figures."""

from pathlib import Path

from cnnzoo.errors import UserError
from cnnzoo.record import atomic_file
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

    A report that is there already and says something else is kept, under a name with a number.

    Raises:
        UserError: the folder cannot be written.
    """
    path = folder / NAMES[style]
    text = render(document, style, figures=True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text(encoding="utf-8") != text:
            names = (path.with_stem(f"{path.stem}-{number}") for number in range(1, 10_000))
            path.rename(next(name for name in names if not name.exists()))
        with atomic_file(path) as file:
            file.write(text.encode())
        return [path, *save_figures(document, folder / FIGURES)]
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}\ntype --save DIR with another folder") from error
