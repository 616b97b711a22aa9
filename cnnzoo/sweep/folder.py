"""What a sweep leaves behind: a folder with a folder for each cell, `sweep.json`, and the two summaries."""

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cnnzoo.checks import changes
from cnnzoo.config import RunConfig
from cnnzoo.disk import LOCK_WAIT, left_behind, unfinished, unused, write_csv, write_text
from cnnzoo.errors import BusyError, UserError
from cnnzoo.record import FILE_NAME, ONNX, read_record, write_record
from cnnzoo.report.notes import far_apart
from cnnzoo.report.runs import FACTS, PLAN, Row, planned_row, read_plan, row_of
from cnnzoo.report.tables import to_markdown
from cnnzoo.sweep.grid import Cell
from cnnzoo.sweep.summary import columns, pool
from cnnzoo.sweep.told import edited, in_all, settings_of

LOG = "log.txt"
OWNER = ".owner"  # says which sweep is, or was, at work
SUMMARIES = ("summary.csv", "summary.md")
IMPOSSIBLE = "n/a"
TO_DO = "to do"
COLUMNS = (
    *("model", "px", "optimizer", "seed", "settings", "stem", "params", "macs"),
    *("val_acc", "test_acc", "seconds_per_epoch", "images_per_second", "peak_bytes", "status", "folder"),
)


class SweepFolder:
    """The folder of a sweep.

    Attributes:
        path: where it is.
        cells: for each cell's folder name what is known of it beforehand; those of all grids that were run here.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.cells = self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        if not (self.path / PLAN).exists():
            others = [name for name in SUMMARIES if (self.path / name).exists()]
            if others and not self._has_own_summary():  # with which only the plan was lost
                what = f"{self.path} already has {', '.join(others)}, not written by cnnzoo"
                raise UserError(f"{what}\ntype hydra.sweep.dir=DIR with a new folder")
            return {}
        return read_plan(self.path)

    def _has_own_summary(self) -> bool:
        with suppress(FileNotFoundError), (self.path / SUMMARIES[0]).open("rb") as file:
            return file.readline().strip() == ",".join(COLUMNS).encode()
        return False

    def add(self, cells: Sequence[Cell]) -> None:
        """Note down the cells of a grid, while the folder is locked."""
        self.cells = self._read()  # another sweep may have added some
        self.know(cells)
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / PLAN, json.dumps({"cells": self.cells}, indent=2) + "\n")

    def know(self, cells: Sequence[Cell]) -> None:
        """Put the cells of a grid among `cells`, with what is known of them now.

        Raises:
            UserError: the folder of one holds a run of another net, size, optimizer or seed.
        """
        for cell in cells:
            name = (self.record(cell.name) or {}).get("name")
            if name not in (None, cell.config.name):
                what = f"{self.path / cell.name} holds another run, {name}, such as a copy"
                raise UserError(f"{what}\nmove it away, or type hydra.sweep.dir=DIR with another folder")
            if cell.problem and cell.name in self.cells and is_completed(self.path / cell.name):
                continue  # it is impossible here, but was completed on another machine
            values = cell.config.values
            self.cells[cell.name] = {
                "overrides": list(cell.overrides),
                "group": cell.group,
                "model": cell.config.choices["model"],
                "px": values["data"]["resize"],
                "optimizer": cell.config.choices["optimizer"],
                "seed": values["seed"],
                "problem": cell.problem,
                "choices": cell.config.choices,
                "config": values,
                "changed": changes(cell.config),
                **{key: cell.facts.get(key) for key in FACTS},
            }

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one sweep.

        Raises:
            BusyError: another sweep holds it; the message says which.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        owner = self.path / OWNER
        try:
            with FileLock(self.path / ".lock", timeout=LOCK_WAIT):
                (written := unfinished(owner)).write_text(f"pid {os.getpid()} on {socket.gethostname()}")
                written.replace(owner)  # at once: another one may ask
                yield
        except Timeout:
            who = owner.read_text() if owner.exists() else "of unknown owner"
            raise BusyError(
                f"another sweep ({who}) is at work in {self.path}\n"
                f"wait for it, or type hydra.sweep.dir=DIR with another folder{left_behind(self.path / '.lock')}"
            ) from None

    def record(self, name: str) -> dict[str, Any] | None:
        """Return the record of a cell, or None if it has none that can be read."""
        return record_in(self.path / name)

    def recorded_at(self, name: str) -> int | None:
        """Return when the record of a cell was written, in ns, or None if there is none."""
        path = self.path / name / FILE_NAME
        return path.stat().st_mtime_ns if path.exists() else None

    def status(self, name: str) -> str:
        """Return the status of a cell: that of its record, or `to do`, or `n/a` for one that is impossible here."""
        return self._status(name, self.record(name))

    def _status(self, name: str, record: Mapping[str, Any] | None) -> str:
        if self.cells.get(name, {}).get("problem") and not (record and record["status"] == "completed"):
            return IMPOSSIBLE
        return str(record["status"]) if record else TO_DO

    def lacks_export(self, cell: Cell) -> bool:
        """Say whether a cell is to be exported, and has not been yet."""
        return bool(cell.config.values["export"]) and not (self.path / cell.name / ONNX).exists()

    def fail(self, cell: Cell, reason: str) -> None:
        """Note down that a cell's process ended without saying so itself."""
        folder = self.path / cell.name
        record = self.record(cell.name)
        if record is None:
            folder.mkdir(parents=True, exist_ok=True)
            record = make_anew(folder, cell.config, self.cells[cell.name]["changed"]) | cell.facts
        write_record(folder, record | {"status": "failed", "error": reason})

    def put_back(self, name: str) -> None:
        """Note down that a cell which has failed is tried once more, by this sweep or by the next."""
        record = self.record(name)
        if record and record["status"] == "failed":
            write_record(self.path / name, record | {"status": "preempted"})

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each cell, in the order in which they were asked for.

        Keys: those of a report (`read_runs`), `COLUMNS`, and `group`, the same for cells that differ in nothing but
        their seed.
        """
        rows = []
        settings = settings_of(self.cells)
        changed = edited(self.cells, settings)
        for name, cell in self.cells.items():
            record = self.record(name)
            row = row_of(record) if record else planned_row(cell)
            rows.append(
                row
                | {key: cell.get(key) for key in FACTS if row.get(key) is None}
                | {"px": cell["px"], "group": cell["group"], "folder": name, "status": self._status(name, record)}
                | {"settings": f"{settings[name]} {changed[name]}".strip()}
            )
        return rows

    def write_summary(self) -> list[dict[str, Any]]:
        """Replace `summary.csv` and `summary.md`, and return the rows of the first."""
        with FileLock(self.path / ".summary.lock"):  # cells that run by themselves write it too
            self.cells |= self._read()  # another sweep may have added some
            rows = self.rows()
            write_csv(self.path / SUMMARIES[0], [COLUMNS, *([row.get(key) for key in COLUMNS] for row in rows)])
            pooled = pool(rows)
            below = "".join(f"\n{note}\n" for note in self.notes(pooled))
            write_text(self.path / SUMMARIES[1], to_markdown(columns(rows), pooled) + below)
        return rows

    def notes(self, pooled: Sequence[Row]) -> list[str]:
        """Return what is below the pooled table: what all cells have, and whose seeds or times are far apart."""
        common = in_all(cell["overrides"] for cell in self.cells.values())
        return [*([common] if common else []), *far_apart(pooled, "en")]


def record_in(run_dir: Path) -> dict[str, Any] | None:
    """Return the record of the run in a folder, or None if it has none that can be read."""
    try:
        record = read_record(run_dir)
    except (OSError, ValueError):
        return None
    return record if _is_whole(record) else None


def make_anew(run_dir: Path, config: RunConfig, changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record for a run that has none which can be read, and rename that one; nothing is written."""
    if (damaged := run_dir / FILE_NAME).exists():
        damaged.rename(unused(run_dir / f"{FILE_NAME}.damaged"))
    record = {"status": "preempted", "name": config.name, "choices": config.choices, "config": config.values}
    return record | {"changed": changed, "seed": config.values["seed"], "epochs": 0, "metrics": {}}


def is_completed(run_dir: Path) -> bool:
    """Say whether a folder holds a completed run."""
    record = record_in(run_dir)
    return record is not None and record["status"] == "completed"


def _is_whole(record: Mapping[str, Any]) -> bool:
    metrics, seconds = record.get("metrics"), record.get("seconds")
    whole = isinstance(metrics, dict) and "test/acc" in metrics and isinstance(seconds, dict) and "total" in seconds
    return whole or record["status"] != "completed"


def is_locked(run_dir: Path) -> bool:
    """Say whether a process is at work in the folder of a run."""
    if not run_dir.exists():
        return False
    try:
        with FileLock(run_dir / ".lock", blocking=False):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that may not be written to, as the run itself will say
        return False
