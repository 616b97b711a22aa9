"""One cell of a sweep, in the process that runs it."""

import gc
import os
import signal
import sys
from pathlib import Path
from typing import Any

from cnnzoo.checks import changes
from cnnzoo.config import RunConfig, compose_config
from cnnzoo.errors import (
    AGAIN_LATER,
    FAILED,
    UNAVAILABLE,
    USER_ERROR,
    BusyError,
    DeviceUnavailableError,
    RunEnded,
    UserError,
)
from cnnzoo.importing import importing_torch
from cnnzoo.record import FILE_NAME, holds_run, write_record
from cnnzoo.report.runs import PLAN
from cnnzoo.sweep.folder import LOG, SUMMARIES, SweepFolder, make_anew, record_in
from cnnzoo.training.signals import SIGNALS


def run_planned(run_dir: Path) -> None:
    """Run the cell whose folder is `run_dir` as the sweep that it belongs to has planned it, and renew the summary.

    It goes on where it was stopped, and nothing is done if it is completed.

    Raises:
        UserError: no sweep has planned it, or another process is running it.
        RunEnded, SystemExit: as `cnnzoo.run.train`.
    """
    planned = SweepFolder(run_dir.parent).cells.get(run_dir.name)
    if planned is None:
        raise UserError(f"{run_dir} is no cell of a sweep\ntype python sweep.py ... emit=FILE for the lines to run")
    config = compose_config(planned["overrides"])
    if f"{config.name}-{config.hash8}" != run_dir.name:
        raise UserError(
            f"{run_dir} was planned with other files in conf/\nput them back, or type the command of the sweep again"
        )
    try:
        _train(config, run_dir, changes(config))
    finally:
        renew_summary(run_dir)


def _train(config: RunConfig, run_dir: Path, changed: dict[str, Any], *, slots: int = 1) -> None:
    """Train a cell, from where it was stopped, also where its record is damaged or lost: the sweep knows what it is."""
    with importing_torch():  # once nothing is left that can be refused without it
        from cnnzoo.run import train
    if holds_run(run_dir) and record_in(run_dir) is None:
        print(f"note: {run_dir / FILE_NAME} is damaged or lost, and is made anew", file=sys.stderr)
        write_record(run_dir, make_anew(run_dir, config, changed))
    train(config, run_dir, resume=True, slots=slots, changed=changed)


def renew_summary(run_dir: Path) -> None:
    """Renew the summary of the sweep that the run in `run_dir` is a cell of, if it is one.

    That it cannot be written does not change what became of the run.
    """
    summary = run_dir.parent / SUMMARIES[0]
    try:
        if (run_dir.parent / PLAN).exists() and run_dir.name in (folder := SweepFolder(run_dir.parent)).cells:
            folder.write_summary()
    except OSError as error:
        print(f"note: cannot write {summary}: {error.strerror}", file=sys.stderr)
    except UserError as error:
        print(f"note: {summary} is as it was: {error}", file=sys.stderr)


def main(config: RunConfig, changed: dict[str, Any], folder: Path, slots: int, gpu: str | None) -> None:
    """Be the process of a cell: on its GPU or with its share of the cores, with what it prints in its log.

    Nothing but an export reads `conf/`, which may be edited meanwhile.
    """
    gc.freeze()  # what was loaded before it was forked stays, and is not to be searched for garbage
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the sweep, which then asks its cells to stop
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)  # held back until now
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = os.open(folder / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:  # such as a link to nowhere
        print(f"error: cannot write to {folder}: {error.strerror}", file=sys.stderr)
        sys.exit(USER_ERROR)
    os.dup2(log, 1)
    os.dup2(log, 2)
    import torch

    if slots > 1:
        torch.set_num_threads(max(1, torch.get_num_threads() // slots))
    try:
        if gpu is not None:
            _check_gpu(gpu)
        _train(config, folder, changed, slots=slots)
    except BusyError:
        sys.exit(AGAIN_LATER)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(UNAVAILABLE if isinstance(error, DeviceUnavailableError) else USER_ERROR)
    except RunEnded as ended:
        print(f"{ended.status}: {ended}", file=sys.stderr)
        sys.exit(FAILED)


def _check_gpu(gpu: str) -> None:
    """Check that this process can compute on its GPU; no CPU is to stand in for it."""
    import torch

    from cnnzoo.training.device import choose_device

    remedy = "look at nvidia-smi, then type the command again, retry=failed"
    try:
        if choose_device("auto").type != "cuda":
            raise DeviceUnavailableError(f"CUDA no longer finds GPU {gpu}\n{remedy}")
        torch.zeros(1, device="cuda")
    except RuntimeError as error:  # such as of a GPU that is to be reset, or that others have filled
        raise DeviceUnavailableError(f"GPU {gpu} cannot be used: {str(error).splitlines()[0]}\n{remedy}") from error
