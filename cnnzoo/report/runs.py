"""Runs read back for a report, one flat row each; from `run.json` and `sweep.json`, without torch."""

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cnnzoo.disk import CHECKPOINTS
from cnnzoo.errors import UserError
from cnnzoo.record import FILE_NAME, flatten, parts_of, read_record

Row = dict[str, Any]

PLAN = "sweep.json"
NO_RUNS = (".git",)  # folders that are not looked into
WITHIN_RUNS = (*NO_RUNS, CHECKPOINTS)
FACTS = ("stem", "params", "conv_params", "dense_params", "num_convs", "num_dense", "macs")
NEEDED = ("trainer.max_epochs", "data.batch_size")  # of the configuration of a run
PLANNED = ("overrides", "problem", "group", "px")  # of a cell
MEASURED = ("images_per_second", "peak_bytes", "started")


def read_runs(folders: Sequence[Path]) -> list[Row]:
    """Return the runs in `folders` and below, one row for each.

    Keys: of config groups, such as `model`; of the configuration, such as `data.resize`; of what is known of the run,
    such as `params`, `val_acc` or `seconds_per_epoch`; `folder`; `status`: that of the record, or `to do` and `n/a` for
    the cells of a sweep that were not run; `error`; `changed`: the values that are not those of the chosen yaml files;
    `images` that there were to train on, to validate with and to test on; `pieces` of a batch, where it did not fit
    into memory; `versions` and `git` of each part of a run that was stopped and moved; `files` as in the record. Keys
    without a value are None or missing.

    Raises:
        UserError: there is no run.
    """
    rows: dict[str, Row] = {}
    for path, plan in (each for folder in folders for each in _find(folder)):
        if plan is not None:
            rows |= {str(path / name): planned_row(cell) for name, cell in plan.items()}
        else:
            rows[str(path)] = row_of(_read(path))
    if not rows:
        named = ", ".join(map(str, folders))
        raise UserError(f"no runs in {named}\ntype the folder of a sweep or of runs, such as outputs")
    for name, row in rows.items():
        row["folder"] = name
    return list(rows.values())


def _find(folder: Path) -> Iterator[tuple[Path, dict[str, Any] | None]]:
    """Yield folders with a run, and those of a sweep, which come first, with what it planned."""
    if not folder.is_dir():
        raise UserError(f"no folder {folder}\ntype the folder of a sweep or of runs, such as outputs")
    seen = set()  # because links may go round in a circle
    for parent, folders, files in os.walk(folder, onerror=_tell_unreadable, followlinks=True):
        without = WITHIN_RUNS if FILE_NAME in files else NO_RUNS
        folders[:] = sorted((name for name in folders if name not in without), key=_natural)
        path = Path(parent)
        if path.resolve() in seen:
            folders.clear()
            continue
        seen.add(path.resolve())
        if PLAN in files:
            yield path, read_plan(path)
        if FILE_NAME in files:
            yield path, None


def _tell_unreadable(error: OSError) -> None:
    print(f"note: {error.filename} is left out: {error.strerror}", file=sys.stderr)


def read_plan(folder: Path) -> dict[str, dict[str, Any]]:
    """Return what is known beforehand of the cells of the sweep in `folder`, by the names of their folders.

    Raises:
        UserError: `sweep.json` is damaged.
    """
    path = folder / PLAN
    try:
        cells: dict[str, dict[str, Any]] = dict(json.loads(path.read_text(encoding="utf-8"))["cells"])
        if not all(isinstance(cell, dict) and {*PLANNED} <= cell.keys() for cell in cells.values()):
            raise ValueError(f"a cell lacks one of {', '.join(PLANNED)}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: {error}\nmend it, or move it away: what is completed stays") from error
    return cells


def _natural(name: str) -> list[str | int]:
    """Return what names are sorted by: numbers in them as numbers, so that 28 px come before 224."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def _read(folder: Path) -> dict[str, Any]:
    try:
        record = read_record(folder)
        if lacking := {*NEEDED} - flatten(record["config"]).keys():
            raise ValueError(f"its config has no {min(lacking)}")
        return record
    except (OSError, ValueError) as error:
        raise UserError(f"{folder / FILE_NAME} is damaged: {error}\nmend it, or move its folder away") from error


def planned_row(cell: Mapping[str, Any]) -> Row:
    """Return the row of a cell of which no record is known."""
    config = flatten(cell.get("config") or {})
    precision = config.get("trainer.precision")
    return {
        **config,
        **cell.get("choices", {}),
        "model": cell.get("model"),
        "data.resize": cell.get("px"),
        "optimizer": cell.get("optimizer"),
        "seed": cell.get("seed"),
        "precision": None if precision == "auto" else precision,
        **{key: cell.get(key) for key in FACTS},
        "changed": cell.get("changed") or {},
        "status": "n/a" if cell.get("problem") else "to do",
        "error": cell.get("problem"),
    }


def _of_all_parts(record: Mapping[str, Any], key: str) -> Any:
    """Return what a run was made with; in words, if parts of it were made with something else before it was moved."""
    values = list(dict.fromkeys(part[key] for part in parts_of(record) if part.get(key)))
    return ", then ".join(map(str, values)) if len(values) > 1 else next(iter(values), None)


def row_of(record: Mapping[str, Any]) -> Row:
    """Return the row of a run's record, but for its folder."""
    metrics, seconds = record.get("metrics") or {}, record.get("seconds") or {}
    images, values = record.get("data") or {}, flatten(record["config"])
    per_epoch, epochs = seconds.get("per_epoch"), values.get("trainer.max_epochs")
    whole, micro = values.get("data.batch_size"), record.get("micro_batch_size")
    return {
        **record["choices"],
        **values,
        **{key: record.get(key) for key in (*FACTS, *MEASURED)},
        **{key: _of_all_parts(record, key) for key in ("device", "precision", "threads", "slots")},
        "changed": record.get("changed") or {},
        "pieces": whole // micro if whole and micro else None,
        "images": {
            "train": images.get("train"),
            "val": images.get("val") or images.get("test"),
            "test": images.get("test"),
        },
        "val_acc": metrics.get("val/acc"),
        "test_acc": metrics.get("test/acc"),
        "seconds_per_epoch": per_epoch,
        "training_seconds": None if per_epoch is None or epochs is None else per_epoch * epochs,
        "seconds_total": seconds.get("total"),
        "status": record["status"],
        "error": record.get("error"),
        "versions": [part.get("versions") or {} for part in parts_of(record)],
        "git": [part.get("git") or {} for part in parts_of(record)],
        "files": images.get("sha256") or {},
    }


def limit_of(run: Row, stage: str) -> int | float | None:
    """Return how many batches were used for `train`, `val` or `test`: a number, or a share; 1.0 is all of them."""
    limit, images = run.get(f"trainer.limit_{stage}_batches"), (run.get("images") or {}).get(stage)
    if not isinstance(limit, int) or not images:
        return limit
    batches = images // run["data.batch_size"] if stage == "train" else -(-images // run["data.batch_size"])
    return 1.0 if limit >= batches else limit
