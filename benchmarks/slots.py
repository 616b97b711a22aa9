"""What a sweep gains from cells side by side that share the cores, in place of one cell that has them all."""

import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import torch

from benchmarks.cases import Case, Scope
from benchmarks.training import spread
from benchmarks.turns import Turns
from cnnzoo.report.tables import Column, to_markdown
from cnnzoo.training.device import choose_device

NETS = ("lenet@28", "vgg11/8@96", "googlenet@96")
SECONDS = 3.0  # of a turn, whose ends two cells do not reach together


def side_by_side(case: Case, rounds: int) -> list[tuple[float, float]]:
    """Return for each round the images/s of one run with all threads, and of two together with half of them each."""
    threads = torch.get_num_threads()
    with ExitStack() as stack:
        one, *two = (
            stack.enter_context(Turns("own", case, Path(), threads=each))
            for each in (threads, threads // 2, threads // 2)
        )
        speeds = []
        for number in range(rounds):
            order = ([one], two) if number % 2 == 0 else (two, [one])
            taken = {len(cells): _together(cells) for cells in order}
            speeds.append((taken[1], taken[2]))
    return speeds


def _together(cells: Sequence[Turns]) -> float:
    for each in cells:
        each.begin(SECONDS)
    return sum(each.end().images_per_second for each in cells)


def measure(scope: Scope) -> str:
    """Return a table; figures are medians over the rounds, the ratio is the median of those within a round."""
    threads = torch.get_num_threads()
    cases = [case for case in scope.cases if case.name in NETS]
    if choose_device("auto").type != "cpu" or threads < 2 or not cases:
        return f"Only measured on a CPU with several cores, of {', '.join(NETS)}.\n"
    rows = []
    for case in cases:
        pairs = side_by_side(case, scope.rounds)
        one, two = (statistics.median(each) for each in zip(*pairs, strict=True))
        rows.append({"name": case.name, "one": one, "two": two, "ratio": spread([b / a for a, b in pairs], "{:.2f}")})
    columns = [
        Column("name", "net @ px", left=True),
        Column("one", f"sweep.slots=1, threads: {threads}", "{:,.0f}".format),
        Column("two", f"sweep.slots=2, threads of each: {threads // 2}", "{:,.0f}".format),
        Column("ratio", "2 / 1"),
    ]
    told = f"Images a second of all cells together, in training, in turns of {SECONDS:g} s."
    return f"{to_markdown(columns, rows)}\n{told}\n"
