"""Evaluation throughput of `train.py`'s own path beside bare forwards of one resident batch."""

import statistics
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.cases import ROOT, Case, Scope
from benchmarks.isolated import isolated
from benchmarks.loops import dtype_of, quietly
from benchmarks.stopwatch import finish_device_work
from benchmarks.training import spread
from cnnzoo.build import build_net
from cnnzoo.record import read_history
from cnnzoo.report.tables import Column, to_markdown
from cnnzoo.run import train
from cnnzoo.training.device import choose_device, keep_freed_memory, speed_up

BATCHES = {"lenet@28": 19, "vgg11/8@96": 10, "googlenet@96": 3}  # of the 5,000 validation images, all but lenet's last
PASSES = 5  # over these, of which a median is taken


def own(case: Case) -> float:
    """Return the images/s of validation, a median over epochs, after a first one that warms up."""
    shortened = [f"trainer.max_epochs={PASSES + 1}", "trainer.limit_train_batches=1", "trainer.limit_test_batches=1"]
    shortened += [f"trainer.limit_val_batches={BATCHES[case.name]}", "pictures=false"]
    config = case.config(*shortened, f"data.root={ROOT / 'data'}")
    with tempfile.TemporaryDirectory() as folder, quietly():
        train(config, Path(folder) / "run")
        _, *rows = read_history(Path(folder) / "run")
    seconds = [float(row["seconds"]) - case.batch_size / float(row["images_per_second"]) for row in rows]
    return BATCHES[case.name] * case.batch_size / statistics.median(seconds)


@torch.inference_mode()
def bare(case: Case) -> float:
    """Return the images/s of forwards alone, a median over passes."""
    config, device = case.config(), choose_device("auto")
    keep_freed_memory()
    dtype, batches = dtype_of(config), BATCHES[case.name]
    net = speed_up(build_net(config).to(device), device).eval()
    images = torch.randn(case.batch_size, 1, case.resize, case.resize, device=device)
    images = images.to(memory_format=torch.channels_last)
    seconds = []
    for _ in range(PASSES + 1):
        finish_device_work()
        begin = time.perf_counter()
        for _ in range(batches):
            with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
                net(images)
        finish_device_work()
        seconds.append(time.perf_counter() - begin)
    return batches * case.batch_size / statistics.median(seconds[1:])  # the first pass warms up


def measure(scope: Scope) -> str:
    """Return a table; figures are medians over the rounds, the ratio is the median of those within a round."""
    cases = [case for case in scope.cases if case.name in BATCHES]
    if not cases:
        return f"Only measured of {', '.join(BATCHES)}.\n"
    turns: dict[str, list[tuple[float, float]]] = {case.name: [] for case in cases}
    for number in range(scope.rounds):
        for case in cases:
            order = (own, bare) if number % 2 == 0 else (bare, own)
            speeds = {function: isolated(function, case) for function in order}
            turns[case.name].append((speeds[own], speeds[bare]))
    rows = []
    for name, pairs in turns.items():
        ours, limits = (statistics.median(each) for each in zip(*pairs, strict=True))
        ratios = [a / b for a, b in pairs]
        rows.append({"name": name, "own": ours, "limit": limits, "ratio": spread(ratios, "{:.2f}")})
    columns = [
        Column("name", "net @ px", left=True),
        Column("own", "cnnzoo", "{:,.0f}".format),
        Column("limit", "bare forwards", "{:,.0f}".format),
        Column("ratio", "cnnzoo / bare"),
    ]
    return to_markdown(columns, rows)
