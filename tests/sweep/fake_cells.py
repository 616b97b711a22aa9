"""Cells that only seem to train, and one of which misbehaves; they are run in the launcher's processes."""

import os
import signal
import sys
import time
from pathlib import Path

from filelock import FileLock, Timeout

from cnnzoo.errors import AGAIN_LATER, FAILED, UNAVAILABLE, USER_ERROR
from cnnzoo.record import write_record
from cnnzoo.sweep.folder import LOG
from cnnzoo.training.signals import SIGNALS

os.fsync = lambda descriptor: None  # a slow disk would count as a slow cell
FAULTY = 1  # the seed of the cell that misbehaves


def main(config, changed, folder: Path, slots, gpu) -> None:
    """Stand in for `cnnzoo.sweep.cell.main`: do what the file `fault` beside the cells says."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", blocking=False):
            with (folder.parent / "starts").open("a") as file:
                file.write(f"{folder.name}\n")
            _run(config, folder, {"slots": slots, "gpu": gpu})
    except Timeout:
        sys.exit(AGAIN_LATER)


def _run(config, folder: Path, share) -> None:
    told = folder.parent / "fault"
    fault = told.read_text() if told.exists() else "none"
    if fault == f"GPU {share['gpu']} is lost":  # to all cells
        (folder / LOG).write_text(f"error: CUDA no longer finds GPU {share['gpu']}\nlook\n")
        sys.exit(UNAVAILABLE)
    fault = fault if config.values["seed"] == FAULTY else "none"
    if fault == "no room on any GPU":
        (folder / LOG).write_text("error: out of memory before the first batch\nmake room\n")
        sys.exit(UNAVAILABLE)
    if fault == "refused":  # before anything is on record
        (folder / LOG).write_text("error: another day\ntype nothing\nerror: no room\nmake some\n")
        sys.exit(USER_ERROR)
    if fault == "kill at once":
        os.kill(os.getpid(), signal.SIGKILL)
    record = {"status": "running", "config": config.values, "choices": config.choices, "metrics": {}, "seconds": {}}
    record |= share
    if fault == "slow stop":  # as one that finishes its batch, and saves

        def stop(*_) -> None:
            time.sleep(1.5)
            write_record(folder, record | {"status": "preempted"})
            os._exit(143)

        signal.signal(signal.SIGTERM, stop)
    write_record(folder, record)
    time.sleep(float(fault.removeprefix("sleep ")) if fault.startswith("sleep") else 0)
    match fault:
        case "raise":
            raise RuntimeError("broken")
        case "exit 0":
            os._exit(0)
        case "exit 3":
            sys.exit(3)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "term":
            os.kill(os.getpid(), signal.SIGTERM)
        case "segfault":
            signal.signal(signal.SIGSEGV, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGSEGV)
        case "interrupt":
            raise KeyboardInterrupt
        case "hang":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(3600)
        case "slow stop":
            time.sleep(60)
        case "diverged":
            write_record(folder, record | {"status": "diverged", "error": "its own words"})
            sys.exit(FAILED)
        case "garbage":
            (folder / "run.json").write_text('{"status": "comp')
            os._exit(1)
    seconds = {"per_epoch": 0.1, "total": 0.2}
    write_record(folder, record | {"status": "completed", "metrics": {"test/acc": 0.5}, "seconds": seconds})
    if fault == "late":
        sys.exit(FAILED)
