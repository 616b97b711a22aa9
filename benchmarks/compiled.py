"""What `torch.compile` gives on this device, how long it takes, and when that pays."""

import copy
import os
import statistics
import tempfile
import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.cases import Case, Scope
from benchmarks.isolated import isolated
from benchmarks.loops import dtype_of, finish_device_work, quietly
from benchmarks.training import spread
from cnnzoo.build import build_net, build_optimizer
from cnnzoo.data.datamodule import HELD_OUT, FashionMNISTDataModule
from cnnzoo.report.tables import Column, to_markdown
from cnnzoo.training.device import check_compiler, choose_device, keep_freed_memory, to_channels_last

EPOCH = FashionMNISTDataModule.num_train * (HELD_OUT - 1) // HELD_OUT  # images
STEPS = 2  # of each net before it is timed; the first one compiles


@dataclass(frozen=True)
class Measured:
    """What was seen of one net.

    Attributes:
        seconds: that the first steps take longer where they compile.
        speeds: images/s without and with compilation, in each round.
    """

    seconds: float
    speeds: list[tuple[float, float]]


def side_by_side(case: Case, seconds: float, rounds: int) -> Measured:
    """Train a net, and the same one compiled, on one batch in memory, in turn for so many seconds each."""
    config, device = case.config(), choose_device("auto")
    keep_freed_memory()
    dtype = dtype_of(config)
    plain = to_channels_last(build_net(config).to(device), device).train()
    nets = [plain, copy.deepcopy(plain)]
    nets[1].compile()
    optimizers = [build_optimizer(config)(net.parameters()) for net in nets]
    images = torch.randn(case.batch_size, 1, case.resize, case.resize, device=device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(10, (case.batch_size,), device=device)

    def train(which: int, seconds: float, steps: int) -> float:
        """Return the seconds a step of at least so many steps, and so many seconds."""
        net: nn.Module = nets[which]
        begin, done = time.perf_counter(), 0
        while done < steps or time.perf_counter() - begin < seconds:
            optimizers[which].zero_grad()
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                logits = net(images)
            F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
            optimizers[which].step()
            done += 1
        finish_device_work()
        return (time.perf_counter() - begin) / done

    with tempfile.TemporaryDirectory() as cache, quietly():
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache  # what was compiled before is not used
        first = [STEPS * train(which, 0.0, STEPS) for which in (0, 1)]
        speeds = []
        for number in range(rounds):
            order = (0, 1) if number % 2 == 0 else (1, 0)
            taken = {which: train(which, seconds, 1) for which in order}
            speeds.append((case.batch_size / taken[0], case.batch_size / taken[1]))
    return Measured(first[1] - first[0], speeds)


def measure(scope: Scope) -> str:
    """Return a table; figures are medians over the rounds, the ratio is the median of those within a round."""
    try:
        check_compiler(choose_device("auto"))
    except ValueError as error:
        return f"Not measured: {str(error).splitlines()[0]}.\n"
    rows = []
    for case in scope.cases:
        seen = isolated(side_by_side, case, scope.seconds, scope.rounds)
        plain, compiled = (statistics.median(each) for each in zip(*seen.speeds, strict=True))
        saved = EPOCH / plain - EPOCH / compiled  # seconds an epoch
        pays = f"{seen.seconds / saved:,.1f}" if saved > 0 else "never"
        ratio = spread([b / a for a, b in seen.speeds], "{:.2f}")
        row = {"name": case.name, "batch_size": case.batch_size, "plain": plain, "compiled": compiled}
        rows.append(row | {"ratio": ratio, "seconds": seen.seconds, "pays": pays})
    columns = [
        Column("name", "net @ px", left=True),
        Column("batch_size", "batch"),
        Column("plain", "as it is", "{:,.0f}".format),
        Column("compiled", "compiled", "{:,.0f}".format),
        Column("ratio", "compiled / as it is"),
        Column("seconds", "seconds to compile", "{:.0f}".format),
        Column("pays", "epochs until it pays"),
    ]
    return f"{to_markdown(columns, rows)}\nImages a second of a bare loop over one batch in memory.\n"
