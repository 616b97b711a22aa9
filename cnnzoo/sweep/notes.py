"""What a sweep says before it begins: what has changed since, and what else is at work."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cnnzoo.sweep.folder import OWNER, SweepFolder, is_locked
from cnnzoo.sweep.grid import Cell


def changed_nets(cells: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield which nets are not those any more with which completed cells were trained."""
    for net in dict.fromkeys(cell.config.choices["model"] for cell in cells):
        of_net = [cell for cell in cells if cell.config.choices["model"] == net and not cell.problem]
        pairs = [(folder.record(cell.name) or {}, cell.facts) for cell in of_net]
        if changed := [(record["params"], facts["params"]) for record, facts in pairs if _has_changed(record, facts)]:
            before, now = changed[0]
            yield (
                f"{net} had {before:,} parameters when it was trained here, and has {now:,} now; "
                "completed cells stay as they are, and fresh=true trains all in a new folder"
            )


def other_cells(cells: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield how many cells are of another grid of the same words, such as before a file in `conf/` was edited."""
    if count := len(folder.cells.keys() - {cell.name for cell in cells}):
        are = "cell is" if count == 1 else "cells are"
        where = f"{count} {are} in {folder.path} that this command does not ask for"
        yield f"{where}; fresh=true trains all in a new folder"


def _has_changed(record: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return record.get("status") == "completed" and record.get("params") not in (None, facts.get("params"))


def at_work(to_do: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield which cells another process trains, such as one that has outlived its sweep."""
    if names := [cell.name for cell in to_do if is_locked(folder.path / cell.name)]:
        yield f"another process trains {', '.join(names)}; what is timed beside it takes longer"


def other_sweeps(to_do: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield which other sweeps are at work in folders beside this one's, where cells are to be timed."""
    here = folder.path.resolve()
    names = []
    for owner in sorted(here.parent.glob(f"*/{OWNER}")):
        with suppress(OSError):  # somebody else's, who does not let us look
            names += [owner.parent.name] if owner.parent != here and is_locked(owner.parent) else []
    if names and to_do:
        yield f"at work beside it: {', '.join(names)}; what is timed meanwhile takes longer"
