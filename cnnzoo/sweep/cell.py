"""One cell of a sweep, in the process that runs it."""

import os
import signal
import sys
from pathlib import Path

from cnnzoo.checks import check_config
from cnnzoo.config import RunConfig, compose_config
from cnnzoo.errors import BusyError, RunEnded, UserError
from cnnzoo.sweep.folder import LOG, SweepFolder

BUSY, USER_ERROR, FAILED = 75, 2, 1  # exit codes: EX_TEMPFAIL of sysexits.h, and those of the command lines


def run_cell(config: RunConfig, folder: Path, *, slots: int = 1) -> None:
    """Run a cell, go on with it, or do nothing if it is completed; see `cnnzoo.run.train`."""
    from cnnzoo.run import train

    train(config, folder, resume=True, slots=slots)


def run_planned(run_dir: Path) -> None:
    """Run the cell whose folder is `run_dir` as the sweep that it belongs to has planned it, and renew the summary.

    Raises:
        UserError: no sweep has planned it, or another process is running it.
    """
    folder = SweepFolder(run_dir.parent)
    planned = folder.cells.get(run_dir.name)
    if planned is None:
        raise UserError(f"{run_dir} is no cell of a sweep\ntype python sweep.py ... emit=FILE for the lines to run")
    config = compose_config(planned["overrides"])
    check_config(config)
    try:
        run_cell(config, run_dir)
    finally:
        folder.write_summary()


def main(config: RunConfig, folder: Path, slots: int, gpu: str | None) -> None:
    """Be the process of a cell: on its GPU or with its share of the cores, with what it prints in its log."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep, which then asks its cells to stop
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    folder.mkdir(parents=True, exist_ok=True)
    log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import torch

    if slots > 1 and gpu is None:
        torch.set_num_threads(max(1, torch.get_num_threads() // slots))
    try:
        run_cell(config, folder, slots=slots)
    except BusyError:
        sys.exit(BUSY)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except RunEnded as ended:
        print(f"{ended.status}: {ended}", file=sys.stderr)
        sys.exit(FAILED)
