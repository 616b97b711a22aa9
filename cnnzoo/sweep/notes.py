"""What a sweep says before it begins: what has changed since, and what else is at work."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cnnzoo.overrides import key_of
from cnnzoo.record import FILE_NAME, flatten
from cnnzoo.report.pool import short_value
from cnnzoo.rules import decides_figures, is_setting
from cnnzoo.sweep.folder import OWNER, SweepFolder, is_completed, is_locked
from cnnzoo.sweep.grid import Cell
from cnnzoo.sweep.plan import checkpoint_space


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


def edited_values(cells: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield with which values of `conf/`, edited since, cells that are asked for in the same words were completed."""
    asked = {_words(cell.overrides, cell.config.choices): cell for cell in cells}
    found: Counter[str] = Counter()
    for name, before in folder.cells.items():
        cell = asked.get(_words(before["overrides"], before.get("choices")))
        if cell and cell.name != name and not is_completed(folder.path / cell.name):
            now, then = flatten(cell.config.values), flatten(before.get("config") or {})
            edited = [key for key in {**then, **now} if is_setting(key) and then.get(key) != now.get(key)]
            words = [f"{_value(key, then)}, now {_value(key, now)}" for key in edited]
            found["; ".join(words)] += is_completed(folder.path / name)
    for edit, count in found.items():
        if count and edit:
            yield f"{count} completed here with {edit}; conf/ was edited, and what it says now is trained beside them"


def other_cells(cells: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield how many cells are of another grid of the same words, such as before a file in `conf/` was edited."""
    if count := len(folder.cells.keys() - {cell.name for cell in cells}):
        are = "cell is" if count == 1 else "cells are"
        where = f"{count} {are} in {folder.path} that this command does not ask for"
        yield f"{where}; fresh=true trains all in a new folder"


def strays(cells: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield how many completed cells lie in the folder of no grid, such as after a copy replaced its `sweep.json`."""
    known = {*folder.cells, *(cell.name for cell in cells)}
    runs = [path.parent for path in folder.path.glob(f"*/{FILE_NAME}") if path.parent.name not in known]
    if count := sum(map(is_completed, runs)):
        what = f"{count} completed {'run' if count == 1 else 'runs'} in {folder.path}"
        yield f"{what} of grids that its sweep.json does not have: no table here shows them until their grid is typed"


def _value(key: str, values: Mapping[str, Any]) -> str:
    return f"{key}={short_value(values[key])}" if key in values else f"no {key}"


def _words(overrides: Sequence[str], choices: Any) -> str:
    """Return what figures can hang on, the same however it was typed."""
    words = sorted(each.lstrip("+") for each in overrides if decides_figures(key_of(each)))
    return json.dumps([words, choices], sort_keys=True)


def _has_changed(record: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    return record.get("status") == "completed" and record.get("params") not in (None, facts.get("params"))


def at_work(to_do: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield which cells another process trains, such as one that has outlived its sweep."""
    if names := [cell.name for cell in to_do if is_locked(folder.path / cell.name)]:
        yield f"another process trains {', '.join(names)}; what is timed beside it takes longer"


def full_disk(to_do: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield how much is missing on the disk, where the checkpoints of all cells may not fit."""
    needed, free = checkpoint_space(to_do, folder)
    if needed > free:
        yield (
            f"the checkpoints of these cells may take {needed / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are free; "
            "make room meanwhile, or cells will fail"
        )


def other_sweeps(to_do: Sequence[Cell], folder: SweepFolder) -> Iterator[str]:
    """Yield which other sweeps are at work in folders beside this one's, where cells are to be timed."""
    here = folder.path.resolve()
    names = []
    for owner in sorted(here.parent.glob(f"*/{OWNER}")):
        with suppress(OSError):  # somebody else's, who does not let us look
            names += [owner.parent.name] if owner.parent != here and is_locked(owner.parent) else []
    if names and to_do:
        yield f"at work beside it: {', '.join(names)}; what is timed meanwhile takes longer"
