"""Batches that do not fit into memory are computed in pieces."""

import gc
from dataclasses import replace
from itertools import count
from typing import Any

import torch

from cnnzoo.blocks import BATCH_NORMS
from cnnzoo.build import build_net_without_weights
from cnnzoo.commands import resume_command
from cnnzoo.disk import CHECKPOINTS
from cnnzoo.errors import DeviceUnavailableError, UserError
from cnnzoo.fit import Job, fit_and_test
from cnnzoo.record import write_record
from cnnzoo.training.checkpoint_files import LAST

OUT_OF_MEMORY = (  # said by CPUs, by CUDA itself, by its libraries, and by Apple's GPUs
    *("can't allocate memory", "CUDA error: out of memory"),
    *("CUBLAS_STATUS_ALLOC_FAILED", "ALLOCATION_FAILED"),  # cuDNN 9: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_...
    "MPS backend out of memory",
)
NO_KERNEL, FULL = "unable to find an engine", 1 / 16  # what is free of a GPU that is full


def fit_within_memory(job: Job, record: dict[str, Any]) -> dict[str, float]:
    """Do `fit_and_test`, in smaller pieces if batches do not fit into memory; the record says of what size."""
    while True:
        try:
            if job.device.type == "cuda":
                torch.cuda.reset_peak_memory_stats(job.device)  # a failed attempt's peak is not that of the run
            return fit_and_test(job)
        except RuntimeError as error:
            job = in_smaller_pieces(job, error, shared=record["slots"] > 1)
        job.data.trainer = None  # which holds the net and the batch, as do functions that Lightning gives to callbacks
        for function in ("log", "log_dict"):
            vars(job.history).pop(function, None)
        gc.collect()  # the error held what else the failed attempt had taken
        if job.device.type != "cpu":
            getattr(torch, job.device.type).empty_cache()
        record["micro_batch_size"] = job.micro_batch_size
        write_record(job.run_dir, record)
        images = f"{job.micro_batch_size} images" if job.micro_batch_size > 1 else "one image"
        job.console.print(f"note: out of memory; going on with {images} at a time")


def in_smaller_pieces(job: Job, error: RuntimeError, *, shared: bool) -> Job:
    """Return the job for another attempt after a batch did not fit into memory: in smaller pieces.

    Gradients are added up over the pieces of a batch, so that a step stays what it was. `shared` says whether other
    cells of a sweep are on the device.

    Raises:
        DeviceUnavailableError: nothing fits, before the first batch.
        UserError: smaller pieces are not possible, or would train another net.
        RuntimeError: `error`, if it is about something else.
    """
    if not _has_run_out(error, job.device):
        raise error
    fewer = ", or a lower sweep.slots" if shared else ""
    size, said = job.config.values["data"]["batch_size"], str(error).splitlines()[0]
    trained = job.history.started is not None or len(job.history.rows) == job.config.values["trainer"]["max_epochs"]
    if not trained:  # such as a GPU that another process has filled
        raise DeviceUnavailableError(
            f"out of memory before the first batch: {said}\nmake room on the device{fewer}"
        ) from error
    if job.checkpoint or (job.run_dir / CHECKPOINTS / LAST).exists():  # it did fit before
        raise UserError(f"out of memory: {said}\nmake room, then type {resume_command(job.run_dir)}") from error
    if any(isinstance(module, BATCH_NORMS) for module in build_net_without_weights(job.config).modules()):
        smaller = f"data.batch_size={size // 2}, which is another experiment, or " if size > 3 else ""
        raise UserError(
            f"out of memory with batches of {size}: {said}\nin pieces, batch norm would see other batches\n"
            f"type {smaller}a smaller data.resize{fewer}"
        ) from error
    if job.micro_batch_size == 1:
        raise UserError(f"out of memory with one image at a time: {said}\ntype a smaller data.resize{fewer}") from error
    smallest = next(factor for factor in count(2) if job.micro_batch_size % factor == 0)
    return replace(job, pieces=smallest * job.pieces)


def _has_run_out(error: RuntimeError, device: torch.device) -> bool:
    """Say whether an error is of memory; cuDNN, where no kernel's workspace fits, says that it has no kernel."""
    if isinstance(error, torch.OutOfMemoryError) or any(words in str(error) for words in OUT_OF_MEMORY):
        return True
    if device.type != "cuda" or NO_KERNEL not in str(error):
        return False
    free, total = torch.cuda.mem_get_info(device)
    return free < FULL * total
