"""The harness measures what it says: whole steps, after a warm-up, of loops that train the same net."""

import time

import pytest
import torch
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks import __main__ as command
from benchmarks import compiled, loops, slots
from benchmarks.cases import CASES, QUICK, Case, Scope
from benchmarks.loops import LOOPS, Enough, Stopwatch, lay_out, run_loop
from benchmarks.training import summary, training_flops

SMALL = Case("lenet", 28, 256)


def seconds_a_step(seconds, durations, monkeypatch, epoch=None):
    """Return what a stopwatch measures of steps that take so long; an epoch ends after every `epoch` of them."""
    now, stopwatch = 0.0, Stopwatch(seconds)
    monkeypatch.setattr(loops.time, "perf_counter", lambda: now)
    for number, duration in enumerate(durations):
        if epoch and number % epoch == 0:
            stopwatch.stand_still()
        now += duration
        try:
            stopwatch()
        except Enough:
            return stopwatch.measured / stopwatch.steps
    raise AssertionError("it never had enough")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ([5.0, 0.2, 0.2, 0.2], 0.1),  # the clock starts 0.5 s after the end of the first
        ([5.0, 3.0], 1.0),  # of slow steps the second one is left out, too
        ([5.0, 4.0], 4.0),
    ],
)
def test_the_first_steps_are_not_counted(first, then, monkeypatch):
    assert seconds_a_step(1.0, [*first, *[then] * 50], monkeypatch) == pytest.approx(then)


def test_what_lies_between_epochs_is_not_counted(monkeypatch):
    epoch = [3.0, 0.2, 0.2, 0.2, 0.2]
    assert seconds_a_step(4.0, epoch * 10, monkeypatch, len(epoch)) == pytest.approx(0.2)


def test_the_first_layer_has_one_product_less():
    """LeNet's 416,520 multiply-adds, of which the first convolution has 28 x 28 x 6 x 25."""
    assert training_flops(SMALL) == 6 * 416_520 - 2 * 117_600


def test_ratios_are_those_of_a_round():
    """The machine was three times slower in the second round."""
    rounds = [(9.0, 3.0), (3.0, 1.0), (9.0, 4.0)]
    turns = [{"own": a, "course": b, "template": b, "limit": a, "peak": 1e9, "peak_bytes": 1} for a, b in rounds]
    row = summary(SMALL, turns)
    assert row["own/course"] == "3.00 (2.25 to 3.00)"
    assert row["own/limit"] == "1.00 (1.00 to 1.00)"
    assert (row["own"], row["noise"]) == (9.0, pytest.approx(6 / 9))


@pytest.fixture(scope="module")
def torchvision_folder(tmp_path_factory, fashion_mnist):
    folder = tmp_path_factory.mktemp("torchvision")
    lay_out(folder)
    return folder


@pytest.mark.parametrize("loop", LOOPS)
def test_each_loop_trains(loop, torchvision_folder, monkeypatch):
    monkeypatch.setattr(loops, "WARM_SECONDS", 0.05)
    steps = []
    handle = register_optimizer_step_post_hook(
        lambda optimizer, *_: steps.append(sum(each.numel() for each in optimizer.param_groups[0]["params"]))
    )
    stops = []
    stand_still = Stopwatch.stand_still
    monkeypatch.setattr(Stopwatch, "stand_still", lambda self: (stops.append(self), stand_still(self)))
    measured = run_loop(loop, SMALL, 0.1, torchvision_folder)
    handle.remove()
    assert (len(stops) == 1) == (loop == "limit")  # at the end, and where an epoch begins
    assert set(steps) == {61_706}
    assert len(steps) >= 2
    assert measured.images_per_second > 0
    assert measured.peak_bytes > 2**20


def test_cells_side_by_side_are_compared_within_a_round(monkeypatch, tmp_path):
    speeds = {1: iter([10.0, 20.0]), 2: iter([12.0, 30.0])}
    monkeypatch.setattr(slots, "side_by_side", lambda case, seconds, cells: next(speeds[cells]))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    *_, line, _, _ = slots.measure(Scope([SMALL], 2, 0.1, tmp_path)).splitlines()
    assert [cell.strip() for cell in line.split("|")[1:-1]] == ["lenet@28", "15", "21", "1.35 (1.20 to 1.50)"]


def test_compilation_pays_after_as_many_epochs_as_it_takes_to_save_its_seconds(monkeypatch, tmp_path):
    seen = compiled.Measured(20.0, [(5_500.0, 11_000.0), (5_500.0, 11_000.0), (5_500.0, 5_500.0)])
    monkeypatch.setattr(compiled, "isolated", lambda function, case, seconds, rounds: seen)
    *_, line, _, _ = compiled.measure(Scope([SMALL], 3, 0.1, tmp_path)).splitlines()
    cells = [cell.strip() for cell in line.split("|")[3:-1]]
    assert cells == ["5,500", "11,000", "2.00 (1.00 to 2.00)", "20", "4.0"]  # 10 s an epoch, and 5


def test_a_net_and_the_same_one_compiled_are_trained_in_turn(monkeypatch):
    def slow(module, mode):
        module.register_forward_hook(lambda *_: time.sleep(0.05))

    monkeypatch.setattr(nn.Module, "compile", slow)  # in place of a compiler
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")  # which is put back afterwards
    measured = compiled.side_by_side(SMALL, 0.1, 2)
    assert len(measured.speeds) == 2
    assert all(slower < plain for plain, slower in measured.speeds)


def test_the_quick_nets_are_among_all():
    assert {*QUICK, *slots.NETS} < {case.name for case in CASES}
    assert "vgg11/8@96" in QUICK


@pytest.mark.parametrize(
    ("words", "message"), [(["trainig"], "no part trainig"), (["--nets", "lenet"], "invalid choice")]
)
def test_a_wrong_word_is_answered(words, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
