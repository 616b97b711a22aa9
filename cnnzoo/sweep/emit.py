"""The cells of a sweep as shell lines, for any scheduler."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from cnnzoo.disk import write_text
from cnnzoo.errors import UserError
from cnnzoo.sweep.folder import SweepFolder
from cnnzoo.sweep.grid import Cell


def check_file(file: Path) -> None:
    """Check that the lines can be written, before anything of the sweep is.

    Raises:
        UserError: the file is there already, or its folder cannot be written.
    """
    if file.exists():
        raise UserError(f"{file} is there already\ntype emit=FILE with a new file")
    if not os.access(file.absolute().parent, os.W_OK):
        raise UserError(f"{file} cannot be written\ntype emit=FILE with a file in another folder")


def emit(to_do: Sequence[Cell], folder: SweepFolder, file: Path, console: Console) -> None:
    """Write one shell line for each cell that is to do, which runs it in the folder of this sweep."""
    folder.write_summary()
    if not to_do:
        console.print("nothing is to do")
        return
    here = shlex.quote(str(Path.cwd()))
    lines = [f"cd {here} && python -m cnnzoo cell {shlex.quote(str(folder.path / cell.name))}\n" for cell in to_do]
    write_text(file, "".join(lines))
    console.print(f"{len(lines)} lines in {file}, one for each cell that is to do")
