"""What a sweep gains from cells side by side that share the cores, in place of one cell that has them all."""

import statistics
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.cases import Case, Scope
from benchmarks.loops import run_loop
from benchmarks.training import spread
from cnnzoo.report.tables import Column, to_markdown
from cnnzoo.training.device import choose_device

NETS = ("lenet@28", "vgg11/8@96", "googlenet@96")


def side_by_side(case: Case, seconds: float, cells: int) -> float:
    """Return the images/s of so many runs together, each with its share of the threads, as `sweep.slots` has it."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.loops"])
    threads = max(1, torch.get_num_threads() // cells)
    with ProcessPoolExecutor(cells, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        running = [pool.submit(run_loop, "own", case, seconds, Path()) for _ in range(cells)]
        return sum(each.result().images_per_second for each in running)


def measure(scope: Scope) -> str:
    """Return a table; figures are medians over the rounds, the ratio is the median of those within a round."""
    threads = torch.get_num_threads()
    cases = [case for case in scope.cases if case.name in NETS]
    if choose_device("auto").type != "cpu" or threads < 2 or not cases:
        return f"Only measured on a CPU with several cores, of {', '.join(NETS)}.\n"
    turns: dict[str, list[tuple[float, float]]] = {case.name: [] for case in cases}
    for number in range(scope.rounds):
        for case in cases:
            order = (1, 2) if number % 2 == 0 else (2, 1)
            speeds = {cells: side_by_side(case, scope.seconds, cells) for cells in order}
            turns[case.name].append((speeds[1], speeds[2]))
    rows = []
    for name, pairs in turns.items():
        one, two = (statistics.median(each) for each in zip(*pairs, strict=True))
        rows.append({"name": name, "one": one, "two": two, "ratio": spread([b / a for a, b in pairs], "{:.2f}")})
    columns = [
        Column("name", "net @ px", left=True),
        Column("one", f"sweep.slots=1, threads: {threads}", "{:,.0f}".format),
        Column("two", f"sweep.slots=2, threads of each: {threads // 2}", "{:,.0f}".format),
        Column("ratio", "2 / 1"),
    ]
    return f"{to_markdown(columns, rows)}\nImages a second of all cells together, in training.\n"
