"""A report in its format, on the screen or in a folder with its figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cnnzoo.disk import atomic_file, numbered
from cnnzoo.errors import UserError
from cnnzoo.report.document import Document, csv, figure_files, latex, markdown
from cnnzoo.report.page import page
from cnnzoo.report.tables import on_screen

NAMES = {"md": "report.md", "csv": "report.csv", "latex": "report.tex", "html": "report.html"}
FIGURES = "figures"


def render(document: Document, style: str, *, figures: bool = False) -> str:
    """Return the text of the report as md, csv, latex or html, or as screen, for the terminal at hand.

    With `figures` it refers to those that `save` writes.
    """
    if style == "screen":
        return markdown(document, None, on_screen)
    if style == "csv":
        return csv(document)
    if style == "html":
        return page(document)
    return (markdown if style == "md" else latex)(document, FIGURES if figures else None)


def save(document: Document, style: str, folder: Path) -> list[Path]:
    """Write the report into `folder`, and its figures as SVG, PDF and PNG below it, as `save_files` does."""
    files = {NAMES[style]: render(document, style, figures=True).encode(errors="replace")}
    files |= {f"{FIGURES}/{name}": data for name, data in figure_files(document).items()}
    return save_files(folder, files, (*NAMES.values(), f"{FIGURES}/[!.]*"))


def save_files(folder: Path, files: Mapping[str, bytes], kinds: Sequence[str]) -> list[Path]:
    """Write files, by their names below `folder`, and return their paths.

    If others of these kinds are there already, such as `*.png`, they go into a folder beside it, with a number.

    Raises:
        UserError: the folder cannot be written.
    """

    def is_free(candidate: Path) -> bool:
        there = [path for kind in kinds for path in candidate.glob(kind) if path.is_file()]
        return all(path.read_bytes() == files.get(path.relative_to(candidate).as_posix()) for path in there)

    try:
        chosen = next(filter(is_free, numbered(folder)))
        for name, data in files.items():
            (chosen / name).parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(chosen / name) as file:
                file.write(data)
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror}\ntype --save DIR with another folder") from error
    return [chosen / name for name in files]
