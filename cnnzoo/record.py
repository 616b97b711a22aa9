"""`run.json`, what was asked of a run and what happened, and `metrics.csv`, how it got there epoch by epoch.

The first is written when the run starts and replaced, atomically, when it ends. Reports and sweeps read both; nothing
here imports torch, so that they need not load it.
"""

import csv
import json
import math
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cnnzoo.disk import CHECKPOINTS, write_text
from cnnzoo.errors import UserError

SCHEMA = 1
FILE_NAME = "run.json"
HISTORY = "metrics.csv"
CONFUSION = "confusion.csv"
ONNX = "model.onnx"
CONFIG = "config.yaml"
COLUMNS = ("epoch", "step", "train/loss", "train/acc", "lr", "seconds", "images_per_second")  # of the history
PROGRAM = ("cnnzoo", "conf", "hydra_plugins", "benchmarks", "train.py", "sweep.py")  # on which figures depend
KINDS = {  # of what a record has, if it has it
    str: ("started", "error", "device", "precision"),
    dict: ("metrics", "seconds", "data", "changed", "git", "versions"),
    list: ("earlier",),
    int | float: ("params", "conv_params", "dense_params", "macs", "images_per_second", "peak_bytes", "epochs"),
}
PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "hydra-core")


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Replace `folder/run.json`; a reader, or a crash at any moment, sees the old record or the new one, whole."""
    text = json.dumps(_finite({"schema": SCHEMA, **record}), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_text(folder / FILE_NAME, text)


def read_record(folder: Path) -> dict[str, Any]:
    """Return the record of the run in `folder`.

    Raises:
        FileNotFoundError: there is no `run.json` in `folder`.
        ValueError: it is no JSON, or not of a run: it lacks `status`, `choices` or `config`, or has something of
            another kind than a run's.
    """
    record: Any = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    kinds = {"status": str, "choices": dict, "config": dict}
    if not isinstance(record, dict) or not all(isinstance(record.get(key), kind) for key, kind in kinds.items()):
        raise ValueError(f"it is not of a run, which has {', '.join(kinds)}")
    for kind, names in KINDS.items():
        if wrong := [key for key in names if not isinstance(record.get(key), kind | None)]:
            raise ValueError(f"{wrong[0]} is not what it is in a run")
    return record


def parts_of(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return what each part of a run was made with (`device`, `threads`, `slots`, `versions`, `git`), in order."""
    return [*(record.get("earlier") or []), record]


def read_history(folder: Path) -> list[dict[str, Any]]:
    """Return the epochs of the run in `folder`, one dict each, with numbers for text; none if there are none yet.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / HISTORY
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [
                {column: int(value) if column in ("epoch", "step") else float(value) for column, value in row.items()}
                for row in csv.DictReader(file)
            ]
        if rows and (lacking := [column for column in COLUMNS if column not in rows[0]]):
            raise ValueError(f"it has no column {lacking[0]}")
        if rows and not ({"val/loss", "val/acc"} <= rows[0].keys() or {"test/loss", "test/acc"} <= rows[0].keys()):
            raise ValueError("it has no column val/acc")
        return rows
    except (ValueError, TypeError, csv.Error) as error:
        raise UserError(f"{path} is damaged: {error}\nmend it, or type the folder of another run") from error


def holds_run(folder: Path) -> bool:
    """Say whether `folder` holds a run that got as far as training; one that did not may be started anew."""
    if any((folder / CHECKPOINTS).glob("*.ckpt")):
        return True
    try:
        record = read_record(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except ValueError:  # damaged; whoever reads it says so
        return True
    return record["status"] not in ("failed", "preempted") or (record.get("epochs") or 0) > 0


def foreign_files(folder: Path) -> list[str]:
    """Return which files in `folder` a run would overwrite though no run has made them."""
    if (folder / FILE_NAME).exists():
        return []
    names = (HISTORY, CONFUSION, CONFIG, ONNX, f"{CHECKPOINTS}/SHA256SUMS")
    return [name for name in names if (folder / name).exists()]


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return {"data.resize": 28} for {"data": {"resize": 28}}, which is how the command line reads a dotted key."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _finite(value: Any) -> Any:
    """Return `value` with None for every number that JSON does not have, such as the loss of a diverged run."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that figures depend on."""
    return {"python": platform.python_version(), **{package: version(package) for package in PACKAGES}}


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return the commit checked out in `folder` and whether the program differs from it, or None outside of git.

    Other files, such as a list of jobs or the logs of a scheduler, change no figure.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--", *PROGRAM))}
    except (OSError, subprocess.SubprocessError):
        return None
