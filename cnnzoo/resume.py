"""Where a run that was stopped goes on."""

import sys
from pathlib import Path
from typing import Any

from cnnzoo.build import build_net_without_weights
from cnnzoo.config import RunConfig
from cnnzoo.disk import CHECKPOINTS, remove_unfinished
from cnnzoo.record import HISTORY, read_history
from cnnzoo.training.checkpoint_files import BEST, LAST, OLD, PREVIOUS, copy, set_aside, set_damaged_aside
from cnnzoo.training.checkpoints import is_best
from cnnzoo.training.saved_state import START, Progress, check_fits

MADE_WITH = ("device", "precision", "threads", "slots", "versions", "git")  # of a record


def earlier_parts(before: dict[str, Any], record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the parts of a run that goes on were made with, where that is not what it goes on with; say so.

    The last one is none of them if this one begins at the same step: nothing of what it computed was saved.
    """
    parts: list[dict[str, Any]] = [*(before.get("earlier") or [])]
    parts += [{key: before.get(key) for key in MADE_WITH}] if before.get("from_step") != record["from_step"] else []
    parts = [part for part in parts if part["device"]]  # a record that was made anew has none
    earlier = [part for part in parts if part != {key: record[key] for key in MADE_WITH}]
    different = {key: (part[key], record[key]) for part in earlier for key in MADE_WITH if part[key] != record[key]}
    for key in different.keys() & {"device", "precision", "threads"}:
        print(
            f"note: an earlier part ran with {key} {different[key][0]}, this one with {different[key][1]}",
            file=sys.stderr,
        )
    return earlier


def find_checkpoint(config: RunConfig, run_dir: Path) -> tuple[Path | None, Progress]:
    """Return where the run in `run_dir` goes on and how far it is there; (None, `START`) if it starts anew.

    Says what was found damaged. What the run does not go on from and would overwrite is kept under another name.
    """
    remove_unfinished(run_dir)
    folder = run_dir / CHECKPOINTS
    notes = set_damaged_aside(folder)
    net = build_net_without_weights(config)
    rows = read_history(run_dir)
    # The best one may be the newest: it is saved first, and then becomes the last.
    saved = [path for path in (folder / LAST, folder / PREVIOUS, folder / BEST) if path.exists()]
    found = [(check_fits(path, net), path) for path in saved]
    for progress, path in sorted(found, key=lambda each: each[0], reverse=True):
        if progress.epochs > len(rows):
            notes.append(f"{run_dir / HISTORY} has fewer epochs than {path}")
            continue
        if config.values["protocol"] == "holdout" and progress.epochs and not (folder / BEST).exists():
            accuracies = [row["val/acc"] for row in rows[: progress.epochs]]
            if rows[progress.epochs - 1]["step"] != progress.step or not is_best(accuracies):
                continue  # the weights of the best epoch are not in it
            copy(path, folder / BEST)
        for newer in [each for state, each in found if state > progress and each.name != BEST]:
            notes.append(f"{newer} is kept as {set_aside(newer, OLD).name}")
        for note in [*notes, f"going on from {path}"] if notes else []:
            print(f"note: {note}", file=sys.stderr)
        return path, progress
    left = [path for name in (LAST, PREVIOUS, BEST) if (path := folder / name).exists()]
    left += [run_dir / HISTORY] if rows else []
    old = [set_aside(path, OLD).name for path in left]
    kept = f"; what there was is kept as {', '.join(old)}" if old else ""
    for note in [*notes, f"starting from the beginning{kept}"] if notes or old else []:
        print(f"note: {note}", file=sys.stderr)
    return None, START
