"""Evaluation throughput of `train.py`'s own path beside bare forwards of one resident batch."""

import csv
import statistics
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.cases import Case, Scope
from benchmarks.isolated import isolated
from benchmarks.loops import dtype_of, quietly
from cnnzoo.build import build_net
from cnnzoo.record import HISTORY
from cnnzoo.report.tables import Column, to_markdown
from cnnzoo.run import train
from cnnzoo.training.device import choose_device

NETS = ("lenet@28", "vgg11/8@96", "googlenet@96")
IMAGES = 2560  # about, that are evaluated


def own(case: Case) -> float:
    """Return the images/s of the second epoch's validation, the first having warmed up."""
    batches = max(1, IMAGES // case.batch_size)
    shortened = ["trainer.max_epochs=2", "trainer.limit_train_batches=2", "trainer.limit_test_batches=1"]
    config = case.config(*shortened, f"trainer.limit_val_batches={batches}", "pictures=false")
    with tempfile.TemporaryDirectory() as folder, quietly():
        train(config, Path(folder) / "run")
        with (Path(folder) / "run" / HISTORY).open() as file:
            row = list(csv.DictReader(file))[1]
    trained = 2 * case.batch_size / float(row["images_per_second"])
    return batches * case.batch_size / (float(row["seconds"]) - trained)


@torch.inference_mode()
def bare(case: Case) -> float:
    """Return the images/s of forwards alone."""
    config, device = case.config(), choose_device("auto")
    dtype, batches = dtype_of(config), max(1, IMAGES // case.batch_size)
    net = build_net(config).to(device, memory_format=torch.channels_last).eval()
    images = torch.randn(case.batch_size, 1, case.resize, case.resize, device=device)
    images = images.to(memory_format=torch.channels_last)
    with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
        net(images).sum().item()
        begin = time.perf_counter()
        for _ in range(batches):
            net(images).sum().item()
    return batches * case.batch_size / (time.perf_counter() - begin)


def measure(scope: Scope) -> str:
    """Return a table; figures are medians over the rounds, the ratio is the median of those within a round."""
    rows = []
    for case in scope.cases:
        if case.name not in NETS:
            continue
        turns = [(isolated(own, case), isolated(bare, case)) for _ in range(scope.rounds)]
        ours, limits = zip(*turns, strict=True)
        ratio = statistics.median(a / b for a, b in turns)
        rows.append(
            {"name": case.name, "own": statistics.median(ours), "limit": statistics.median(limits), "ratio": ratio}
        )
    columns = [
        Column("name", "net @ px", left=True),
        Column("own", "cnnzoo", "{:,.0f}".format),
        Column("limit", "bare forwards", "{:,.0f}".format),
        Column("ratio", "cnnzoo / bare", "{:.2f}".format),
    ]
    return to_markdown(columns, rows)
