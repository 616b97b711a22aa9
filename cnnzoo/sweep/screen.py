"""What a sweep shows: a line for each cell that has ended, and on a terminal below them what runs, and the table."""

from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live

from cnnzoo.errors import UserError
from cnnzoo.record import read_history
from cnnzoo.report.runs import Row
from cnnzoo.report.tables import to_screen
from cnnzoo.sweep.folder import LOG, SUMMARIES, SweepFolder
from cnnzoo.sweep.grid import Cell
from cnnzoo.sweep.summary import columns, pool
from cnnzoo.sweep.told import settings_of

TRACEBACK = "Traceback (most recent call last):"
# Columns that are left out where the screen is narrow, in this order.
SPARED = ("stem", "macs", "images_per_second", "peak_bytes", "optimizer", "seconds_per_epoch", "params")


class Screen:
    """Shows what becomes of a sweep's cells while they run, and keeps its summary up to date.

    Args:
        folder: of the sweep.
        console: where to print.
        count: how many cells are to do.
    """

    def __init__(self, folder: SweepFolder, console: Console, count: int) -> None:
        self.folder, self.console, self.count = folder, console, count
        self.ended = 0
        self.table = for_screen(folder.write_summary(), console)
        self.settings = settings_of(folder.cells)
        self.live = Live(self.table, console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self.live.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self.live.__exit__(*raised)

    def show_end(self, cell: Cell) -> None:
        """Print a cell's line, and renew the table."""
        self.ended += 1
        outcome = f"{self._named(cell)}  {_outcome(cell, self.folder)}"
        self.console.print(f"{self.ended}/{self.count}  {outcome}", soft_wrap=True)
        summary = self.folder.path / SUMMARIES[0]
        try:
            rows = self.folder.write_summary()
        except OSError as error:
            self.console.print(f"note: cannot write {summary}: {error.strerror}", soft_wrap=True)
        except UserError as error:
            self.console.print(f"note: {summary} is as it was: {error}", soft_wrap=True)
        else:
            self.settings = settings_of(self.folder.cells)  # of which another sweep may have added some
            if self.console.is_terminal:
                self.table = for_screen(rows, self.console)
                self.show_work([])

    def show_work(self, cells: Sequence[Cell]) -> None:
        """Show how far the cells are that run, above the table: a low screen has only the first lines of both."""
        if self.console.is_terminal:
            lines = [f"at work: {self._named(cell)}  {_progress(cell, self.folder)}" for cell in cells]
            self.live.update(Group(*lines, self.table), refresh=True)

    def _named(self, cell: Cell) -> str:
        """Return a cell's name, and what tells it from others of the same net, size, optimizer and seed."""
        return f"{cell.name}  {self.settings.get(cell.name, '')}".rstrip()


def for_screen(rows: Sequence[Row], console: Console) -> Group:
    """Return the pooled table, without some columns where the screen is too narrow; settings may take several lines."""
    return to_screen(columns(rows), pool(rows), console.width, SPARED)


def _progress(cell: Cell, folder: SweepFolder) -> str:
    """Return how far a cell is that runs."""
    if folder.status(cell.name) == "completed":
        return "exporting" if folder.lacks_export(cell) else "ending"
    try:
        rows = read_history(folder.path / cell.name)
    except (UserError, OSError):  # damaged, as the cell itself will say, or just being replaced
        rows = []
    epochs = cell.config.values["trainer"]["max_epochs"]
    words = [f"epoch {len(rows) + 1} of {epochs}" if len(rows) < epochs else "testing"]
    if rows:
        name = "val" if "val/acc" in rows[-1] else "test"
        words += [f"{name} acc {rows[-1][f'{name}/acc']:.1%}", f"{rows[-1]['seconds']:,.1f} s an epoch"]
    return ", ".join(words)


def _outcome(cell: Cell, folder: SweepFolder) -> str:
    """Return what became of a cell."""
    record, status = folder.record(cell.name), folder.status(cell.name)
    if record is None:
        return f"{status}: nothing is on record of it"
    if status == "completed":
        return f"{record['metrics']['test/acc']:.2%}  {record['seconds']['total']:,.0f} s"
    reason = str(record.get("error") or "").strip().splitlines()
    told = reason[-1:] if reason[:1] == [TRACEBACK] else reason  # of which the last line is the error
    return f"{status}: {'; '.join(told)}\n      log: {folder.path / cell.name / LOG}"
