"""One run from a configuration: checked, trained, tested, and on record."""

import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from omegaconf import OmegaConf

from cnnzoo.build import build_data
from cnnzoo.checks import changes
from cnnzoo.choices import CONF
from cnnzoo.commands import resume_command
from cnnzoo.config import RunConfig
from cnnzoo.console import RunConsole
from cnnzoo.disk import CHECKPOINTS, LOCK_WAIT, check_space, is_unwritable, left_behind, write_text
from cnnzoo.errors import BusyError, RunEnded, UserError
from cnnzoo.facts import Facts, check
from cnnzoo.fit import Job
from cnnzoo.memory import fit_within_memory
from cnnzoo.record import CONFIG, FILE_NAME, git_state, holds_run, package_versions, read_record, write_record
from cnnzoo.resume import earlier_parts, find_checkpoint
from cnnzoo.trained import export_onnx
from cnnzoo.training.checkpoint_files import remove_previous
from cnnzoo.training.device import choose_device, describe_device, keep_freed_memory, peak_bytes, useless_gpu
from cnnzoo.training.display import print_summary
from cnnzoo.training.history import History
from cnnzoo.training.saved_state import START
from cnnzoo.training.signals import Stopped, StopRequest, leave_closed_terminal


def train(
    config: RunConfig,
    run_dir: Path,
    *,
    resume: bool = False,
    slots: int = 1,
    changed: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Train, validate and test one net; write everything into `run_dir` and return the record.

    With `resume`, a run that is there already goes on where it was stopped, and a completed one is left alone.
    `slots` is how many runs share the device, for the record: their timings are not those of one alone. `changed` is
    what `checks.changes` says of the configuration, if that is known.

    Raises:
        UserError: the configuration is impossible, `run_dir` holds a run already, or the data cannot be had.
        RunEnded: it diverged, or learns nothing.
        SystemExit: Ctrl-C was pressed, or a signal came (130, 143); the run is saved.
    """
    start = time.perf_counter()
    facts = check(config, here=not (resume and is_completed(run_dir)))
    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        with StopRequest() as stop, FileLock(run_dir / ".lock", timeout=LOCK_WAIT):
            before = _before(run_dir, resume=resume)
            if _has_ended(before):
                record = before
                accuracy = record["metrics"]["test/acc"]
                print(f"{os.path.relpath(run_dir)} is completed, with a test accuracy of {accuracy:.2%}")
            else:
                job, record = _begin(config, facts, run_dir, before, stop, resume=resume, slots=slots)
                record["changed"] = changes(config) if changed is None else changed
                _carry_out(job, record, start)
            remove_previous(run_dir / CHECKPOINTS)
            if config.values["export"]:
                print(f"exported: {os.path.relpath(export_onnx(run_dir))}")
            return record
    except Stopped as stopped:
        begun = (run_dir / FILE_NAME).exists()
        leave_closed_terminal()
        with suppress(OSError):
            print(f"{stopped}; to go on: {resume_command(run_dir)}" if begun else stopped, file=sys.stderr)
        raise SystemExit(stopped.exit_code) from None
    except Timeout:
        raise BusyError(
            f"another process is writing to {run_dir}\nwait for it{left_behind(run_dir / '.lock')}"
        ) from None
    except OSError as error:
        if not is_unwritable(error):
            raise
        raise UserError(
            f"cannot write to {run_dir}: {error.strerror}; what was saved before is intact\n"
            f"make room, then type {resume_command(run_dir)}"
        ) from error


def is_completed(run_dir: Path) -> bool:
    """Say whether `run_dir` holds a completed run, which computes nothing more, so that any device will do.

    Raises:
        UserError: its record is damaged.
    """
    return _has_ended(_before(run_dir, resume=True))


def _has_ended(record: Mapping[str, Any]) -> bool:
    return record.get("status") == "completed" and (record.get("metrics") or {}).get("test/acc") is not None


def _before(run_dir: Path, *, resume: bool) -> dict[str, Any]:
    """Return the record of the run that goes on, or nothing.

    Raises:
        UserError: there is a run, which is not to go on, or its record is damaged.
    """
    if not holds_run(run_dir):
        return {}
    if not resume:
        raise UserError(f"{run_dir} already holds a run\ntype hydra.run.dir=DIR with a new folder")
    return _record_before(run_dir)


def _begin(
    config: RunConfig,
    facts: Facts,
    run_dir: Path,
    before: dict[str, Any],
    stop: StopRequest,
    *,
    resume: bool,
    slots: int,
) -> tuple[Job, dict[str, Any]]:
    """Return what is to do, from the beginning or from a checkpoint on, and its record."""
    accelerator, console = config.values["trainer"]["accelerator"], RunConsole()
    device = choose_device(accelerator)
    if accelerator == "auto" and (why := useless_gpu()):
        console.print(f"note: on the CPU and not the GPU; {why}", soft_wrap=True)
    keep_freed_memory()
    checkpoint, progress = find_checkpoint(config, run_dir) if resume else (None, START)
    record = _first_record(config, facts, before, device, slots) | {"from_step": progress.step}
    if checkpoint and (earlier := earlier_parts(before, record)):
        record["earlier"] = earlier
    job = Job(
        config=config,
        run_dir=run_dir,
        device=device,
        precision=facts.precision,
        data=build_data(config),
        history=History(run_dir, epochs=progress.epochs),
        checkpoint=checkpoint,
        step=progress.step,
        stop=stop,
        console=console,
        pieces=config.values["data"]["batch_size"] // record["micro_batch_size"],
    )
    return job, record


def _carry_out(job: Job, record: dict[str, Any], start: float) -> None:
    """Train and test, and put on record what comes of it; `start` is when the command began, by `perf_counter`."""
    run_dir, history = job.run_dir, job.history
    seconds_before = sum(row["seconds"] for row in history.rows)
    is_same_device = all(part["device"] == record["device"] for part in record.get("earlier", []))
    check_space(run_dir, record["params"])
    write_record(run_dir, record)
    write_text(run_dir / CONFIG, OmegaConf.to_yaml(job.config.values))
    begins = f"{record['name']} on {record['device']}, {record['precision']}, in {os.path.relpath(run_dir)}"
    job.console.print(begins, markup=False, highlight=False, soft_wrap=True)

    def finish(status: str, error: str | None = None) -> None:
        setup = round(history.started - start, 3) if history.started else None
        total = round(seconds_before + history.seconds_before + time.perf_counter() - start, 3)
        record.update(
            status=status,
            error=error,
            epochs=len(history.rows),
            seconds={"setup": setup, "per_epoch": history.median("seconds"), "total": total},
            images_per_second=history.median("images_per_second"),
            peak_bytes=max(peak_bytes(job.device), history.peak_before if is_same_device else 0),
            data=job.data.facts,
        )
        write_record(run_dir, record)

    try:
        record["metrics"] = fit_within_memory(job, record)
    except BaseException as error:
        stopped = isinstance(error, Stopped | KeyboardInterrupt | SystemExit)
        status = error.status if isinstance(error, RunEnded) else "preempted" if stopped else "failed"
        known = isinstance(error, UserError | RunEnded | Stopped) or is_unwritable(error)
        with job.stop.ignored(), suppress(OSError):  # where the disk is full, the record stays as it is
            finish(status, str(error) if known else traceback.format_exc())
        raise
    with job.stop.ignored():
        finish("completed")
    print_summary(record, os.path.relpath(run_dir), job.console)


def _first_record(
    config: RunConfig, facts: Facts, before: Mapping[str, Any], device: torch.device, slots: int
) -> dict[str, Any]:
    """Return the record of a run that begins, or goes on from that of `before`: what is not known yet is empty."""
    return {
        "status": "running",
        "started": before.get("started", datetime.now(UTC).isoformat(timespec="seconds")),
        "name": config.name,
        "choices": config.choices,
        "config": config.values,
        "changed": {},
        "seed": config.values["seed"],
        "protocol": config.values["protocol"],
        **asdict(facts),
        "micro_batch_size": before.get("micro_batch_size") or config.values["data"]["batch_size"],
        "metrics": {},
        "epochs": 0,
        "seconds": {"setup": None, "per_epoch": None, "total": None},
        "images_per_second": None,
        "peak_bytes": None,
        "device": describe_device(device),
        "threads": torch.get_num_threads(),
        "slots": slots,
        "versions": package_versions(),
        "git": git_state(CONF.parent),
        "data": None,
        "error": None,
    }


def _record_before(run_dir: Path) -> dict[str, Any]:
    try:
        return read_record(run_dir)
    except (FileNotFoundError, ValueError):
        raise UserError(
            f"{run_dir / FILE_NAME} is damaged or lost\nmend it, or type hydra.run.dir=DIR with a new folder"
        ) from None
