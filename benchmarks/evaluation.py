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
from cnnzoo.training.device import choose_device, keep_freed_memory, to_channels_last

BATCHES = {"lenet@28": 19, "vgg11/8@96": 10, "googlenet@96": 3}  # of the 5,000 validation images, all but lenet's last


def own(case: Case) -> float:
    """Return the images/s of the second epoch's validation, the first having warmed up."""
    shortened = ["trainer.max_epochs=2", "trainer.limit_train_batches=1", "trainer.limit_test_batches=1"]
    shortened += [f"trainer.limit_val_batches={BATCHES[case.name]}", "pictures=false"]
    config = case.config(*shortened, f"data.root={ROOT / 'data'}")
    with tempfile.TemporaryDirectory() as folder, quietly():
        train(config, Path(folder) / "run")
        row = read_history(Path(folder) / "run")[1]
    trained = case.batch_size / float(row["images_per_second"])
    return BATCHES[case.name] * case.batch_size / (float(row["seconds"]) - trained)


@torch.inference_mode()
def bare(case: Case) -> float:
    """Return the images/s of forwards alone."""
    config, device = case.config(), choose_device("auto")
    keep_freed_memory()
    dtype, batches = dtype_of(config), BATCHES[case.name]
    net = to_channels_last(build_net(config).to(device), device).eval()
    images = torch.randn(case.batch_size, 1, case.resize, case.resize, device=device)
    images = images.to(memory_format=torch.channels_last)
    begin = 0.0
    for step in range(batches + 2):
        if step == 2:  # the first ones prepare
            finish_device_work()
            begin = time.perf_counter()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            net(images)
    finish_device_work()
    return batches * case.batch_size / (time.perf_counter() - begin)


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
