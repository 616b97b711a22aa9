"""A report in its format, on the screen or in a folder with its figures."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from cnnzoo.disk import atomic_file, numbered
from cnnzoo.errors import UserError
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
    try:
        with TemporaryDirectory() as made:
            figures = save_figures(document, Path(made))
            files = {f"{FIGURES}/{path.name}": path.read_bytes() for path in figures}
        files = {NAMES[style]: render(document, style, figures=True).encode()} | files
        chosen = _choose(folder, files)
        (chosen / FIGURES).mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            with atomic_file(chosen / name) as file:
                file.write(data)
        return [chosen / name for name in files]
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}\ntype --save DIR with another folder") from error


def _choose(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Return the first of FOLDER, FOLDER-2, ... that has no other report, and no figure that was made otherwise."""

    def is_free(candidate: Path) -> bool:
        if not any((candidate / each).exists() for each in (*NAMES.values(), FIGURES)):
            return True
        report, *_ = files
        there = {name: candidate / name for name in files if (candidate / name).exists()}
        return report in there and all(path.read_bytes() == files[name] for name, path in there.items())

    return next(each for each in numbered(folder) if is_free(each))
