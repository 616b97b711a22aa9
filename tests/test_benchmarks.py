"""The harness measures what it says: whole steps, after a warm-up, of loops that train the same net."""

import contextlib
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks import __main__ as command
from benchmarks import (
    accuracy,
    compiled,
    evaluation,
    gpu,
    growth,
    loops,
    slots,
    startup,
    stopwatch,
    sweep_cells,
    training,
)
from benchmarks.cases import CASES, QUICK, Case, Scope
from benchmarks.course import WORKERS
from benchmarks.loops import LOOPS, lay_out, run_loop
from benchmarks.stopwatch import Enough, Stopwatch
from benchmarks.training import summary, training_flops
from benchmarks.turns import Turns, in_turn
from cnnzoo.errors import UserError

SMALL = Case("lenet", 28, 256)


def steps_a_second(turns, durations, monkeypatch, epoch=None):
    """Return what a stopwatch measures in turns of so many seconds, of steps that take so long.

    An epoch ends after every `epoch` steps, and an hour passes between two turns.
    """
    now, speeds, left = 0.0, [], iter(turns)

    def next_turn(speed):
        nonlocal now
        now += 3600.0
        speeds.append(speed)
        if (seconds := next(left, None)) is None:
            raise Enough
        return seconds

    watch = Stopwatch(next_turn)
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: now)
    with contextlib.suppress(Enough):
        for number, duration in enumerate(durations):
            if epoch and number % epoch == 0:
                watch.stand_still()
            now += duration
            watch()
    assert len(speeds) == len(turns) + 1
    assert speeds[0] is None  # nothing was measured before the first turn
    return speeds[1:]


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ([5.0, 0.2, 0.2, 0.2], 0.1),  # the clock starts 0.5 s after the end of the first
        ([5.0, 3.0], 1.0),  # of slow steps the second one is left out, too
        ([5.0, 4.0], 4.0),
    ],
)
def test_the_first_steps_are_not_counted(first, then, monkeypatch):
    assert steps_a_second([1.0], [*first, *[then] * 50], monkeypatch) == [pytest.approx(1 / then)]


def test_each_turn_is_measured_by_itself_and_has_whole_steps(monkeypatch):
    durations = [5.0, 5.0, *[0.5] * 2, *[0.25] * 4, 3.0]
    assert steps_a_second([1.0, 0.9, 1.0], durations, monkeypatch) == [2.0, 4.0, pytest.approx(1 / 3)]


def test_what_lies_between_epochs_is_not_counted(monkeypatch):
    epoch = [3.0, 0.2, 0.2, 0.2, 0.2]
    assert steps_a_second([4.0], epoch * 10, monkeypatch, len(epoch)) == [pytest.approx(5.0)]


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
    assert row["flops"] == 9 * training_flops(SMALL)
    assert row["share"] == "{:.0%} ({:.0%} to {:.0%})".format(*(training_flops(SMALL) * a / 1e9 for a in (9, 3, 9)))


def test_the_peak_counts_a_multiplication_and_an_addition_for_each_pair(monkeypatch):
    turns = {loop: SimpleNamespace(images_per_second=256.0, peak_bytes=5) for loop in (*LOOPS, "peak")}
    monkeypatch.setattr(training, "Turns", lambda *_: None)
    monkeypatch.setattr(training, "in_turn", lambda *_: [turns])
    monkeypatch.setattr(training, "product_side", lambda: 10)
    (measured,) = training.side_by_side(SMALL, Path(), 1, 1.0)
    assert measured == dict.fromkeys(LOOPS, 256.0) | {"peak": 2 * 10**3, "peak_bytes": 5}  # one product a second


def test_validation_alone_is_what_an_epoch_takes_beyond_its_training(monkeypatch):
    """A batch of 256 is trained on in a second, and nineteen are evaluated in the two that are left."""
    monkeypatch.setattr(evaluation, "train", lambda *_: None)
    rows = [{"images_per_second": 256.0, "seconds": seconds} for seconds in (99.0, 3.0, 9.0, 2.0)]
    monkeypatch.setattr(evaluation, "read_history", lambda _: rows)
    assert evaluation.own(SMALL) == 19 * 256 / 2


def test_bare_forwards_are_all_counted(monkeypatch):
    """The clock advances by one second a batch, and by a minute for each in the pass that warms up."""
    now, batches = 0.0, 0

    def forward(images):
        nonlocal now, batches
        batches += 1
        now += 60.0 if batches <= evaluation.BATCHES[SMALL.name] else 1.0

    monkeypatch.setattr(evaluation, "PASSES", 1)  # the median of more would hide the first one
    monkeypatch.setattr(evaluation, "build_net", lambda _: nn.Identity())
    monkeypatch.setattr(nn.Identity, "forward", lambda _, images: forward(images))
    monkeypatch.setattr(evaluation.time, "perf_counter", lambda: now)
    assert evaluation.bare(SMALL) == SMALL.batch_size


@pytest.fixture(scope="module")
def torchvision_folder(tmp_path_factory, fashion_mnist):
    folder = tmp_path_factory.mktemp("torchvision")
    lay_out(folder)
    return folder


@pytest.mark.parametrize("loop", LOOPS)
def test_each_loop_trains(loop, torchvision_folder, monkeypatch):
    monkeypatch.setattr(stopwatch, "WARM_SECONDS", 0.05)
    steps, speeds = [], []

    def next_turn(speed):
        speeds.append(speed)
        if len(speeds) > 2:
            raise Enough
        return 0.05

    handle = register_optimizer_step_post_hook(
        lambda optimizer, *_: steps.append(sum(each.numel() for each in optimizer.param_groups[0]["params"]))
    )
    stops = []
    stand_still = Stopwatch.stand_still
    monkeypatch.setattr(Stopwatch, "stand_still", lambda self: (stops.append(self), stand_still(self)))
    run_loop(loop, SMALL, next_turn, torchvision_folder)
    handle.remove()
    assert (len(stops) == 2) == (loop == "limit")  # after each turn, and where an epoch begins
    assert set(steps) == {61_706}
    assert speeds[0] is None
    assert all(speed > 0 for speed in speeds[1:])


def test_a_loop_stands_still_with_its_workers_until_it_has_its_turn(torchvision_folder):
    with Turns("course", SMALL, torchvision_folder) as turns:
        time.sleep(0.2)  # threads that have just computed wait busily for a moment
        before = ticks(turns.process.pid)
        assert len(before) == 1 + WORKERS
        time.sleep(0.3)
        assert ticks(turns.process.pid) == before
        measured = turns.train(0.5)
        assert sum(ticks(turns.process.pid)) > sum(before)
    assert measured.images_per_second > 0
    assert measured.peak_bytes > 2**20
    assert turns.process.exitcode == 0


def ticks(process):
    """Return for how many ticks of the clock a process, and each of its children, has computed."""
    found = []
    for path in sorted(Path("/proc").glob("[0-9]*/stat")):
        with contextlib.suppress(OSError):  # it has ended
            _, parent, *_, user, system = path.read_text().rpartition(")")[2].split()[:13]
            if str(process) in (path.parent.name, parent):
                found.append(int(user) + int(system))
    return found


def test_a_loop_that_fails_is_not_waited_for(torchvision_folder):
    with pytest.raises(EOFError), Turns("no loop", SMALL, torchvision_folder):
        pass


def test_a_loop_that_cannot_begin_ends_the_others():
    loops = {loop: Turns(loop, SMALL, Path()) for loop in ("limit", "no loop")}
    with pytest.raises(EOFError):
        next(in_turn(loops, 1, 0.1))
    assert loops["limit"].process.exitcode == 0


class Noted(contextlib.nullcontext):
    """Stands for a loop, and notes its turns."""

    def __init__(self, name, turns):
        super().__init__()
        self.name, self.turns = name, turns

    def train(self, seconds):
        self.turns.append(self.name)
        return self.name


@pytest.mark.parametrize("names", ["abcd", "abcde"])
def test_each_loop_has_every_place_in_turn(names):
    turns = []
    rounds = list(in_turn({name: Noted(name, turns) for name in names}, len(names), 1.0))
    assert rounds == [{name: name for name in names}] * len(names)
    orders = ["".join(turns[start : start + len(names)]) for start in range(0, len(turns), len(names))]
    for place in range(len(names)):
        assert {order[place] for order in orders} == {*names}
    followers = Counter(pair for order in orders for pair in pairwise(order))
    assert max(followers.values()) == (1 if len(names) % 2 == 0 else 2)


def test_the_peak_is_of_products_in_our_precision(monkeypatch):
    """Each is a step, and takes the operations that the share of the peak is reckoned with."""
    monkeypatch.setattr(stopwatch, "WARM_SECONDS", 0.0)
    monkeypatch.setattr(loops, "product_side", lambda: 64)
    speeds, products, multiply = [], [], torch.mm

    def mm(a, b, out):
        products.append((a.dtype, a.shape, b.shape))
        return multiply(a, b, out=out)

    def next_turn(speed):
        speeds.append(speed)
        if len(speeds) > 1:
            raise Enough
        return 0.01

    monkeypatch.setattr(torch, "mm", mm)
    run_loop(loops.PEAK, SMALL, next_turn, Path())
    assert {*products} == {(loops.dtype_of(SMALL.config()), (64, 64), (64, 64))}
    assert speeds[1] == pytest.approx(len(products) / 0.01, rel=0.9)


def test_the_limit_computes_as_ours_does(torchvision_folder, monkeypatch):
    """The same precision, memory format and optimizer, or the ratio would compare something else."""
    monkeypatch.setattr(stopwatch, "WARM_SECONDS", 0.0)
    seen = {}

    def look(module, images, maps):
        if isinstance(module, nn.Conv2d) and maps.device.type != "meta" and torch.is_grad_enabled():
            layout = maps.is_contiguous(memory_format=torch.channels_last) and not maps.is_contiguous()
            found.add((maps.dtype, layout, module.weight.dtype))

    def step(optimizer, *_):
        found.add((type(optimizer), optimizer.defaults["fused"]))

    def next_turn(speed):
        raise Enough

    with contextlib.ExitStack() as stack:
        stack.callback(nn.modules.module.register_module_forward_hook(look).remove)
        stack.callback(register_optimizer_step_post_hook(step).remove)
        for loop in ("own", "limit"):
            seen[loop] = found = set()
            run_loop(loop, SMALL, next_turn, torchvision_folder)
    assert seen["own"] == seen["limit"]
    assert len(seen["own"]) == 2


def test_cells_side_by_side_are_compared_within_a_round(monkeypatch, tmp_path):
    monkeypatch.setattr(slots, "side_by_side", lambda case, rounds: [(10.0, 12.0), (20.0, 30.0)])
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
        module.register_forward_hook(lambda *_: time.sleep(0.3))

    monkeypatch.setattr(nn.Module, "compile", slow)  # in place of a compiler
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")  # which is put back afterwards
    measured = compiled.side_by_side(SMALL, 0.1, 2)
    assert len(measured.speeds) == 2
    assert all(slower < plain for plain, slower in measured.speeds)


def test_the_nets_that_are_named_are_among_all():
    assert {*QUICK, *slots.NETS, *gpu.NETS, *evaluation.BATCHES} <= {case.name for case in CASES}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["trainig"], "no part trainig"),
        (["--nets", "lenet"], "invalid choice"),
        (["--rounds", "0"], "--rounds must be at least 1"),
    ],
)
def test_a_wrong_word_is_answered(words, message, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["benchmarks", *words])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.fixture
def outside(monkeypatch, tmp_path):
    """Have the command write into a folder of the test, and look for data there."""
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_part_that_fails_is_named_and_the_others_are_measured(outside, monkeypatch, capsys):
    def fail(scope):
        raise EOFError

    monkeypatch.setattr(command, "PARTS", {"training": fail, "startup": lambda scope: "2 s"})
    monkeypatch.setattr(command, "load_files", lambda root: None)
    monkeypatch.setattr("sys.argv", ["benchmarks"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == "failed: training"
    (written,) = outside.glob("outputs/benchmarks/*/benchmarks.md")
    told = written.read_text().replace("\nMeasured in 0 min 0 s.\n", "")
    assert told.endswith("## training\n\nNot measured: it failed.\n\n## startup\n\n2 s\n")
    assert "EOFError" in capsys.readouterr().err


def test_without_data_nothing_is_measured(outside, monkeypatch, capsys):
    def missing(root):
        raise UserError("no data\ntype this")

    monkeypatch.setattr(command, "load_files", missing)
    monkeypatch.setattr("sys.argv", ["benchmarks"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "no data\ntype this\n"
    assert not (outside / "outputs").exists()


@pytest.mark.parametrize("formats", [["bf16-mixed", "16-mixed"], ["16-mixed"]])  # the second of an older GPU
def test_a_gpu_without_a_compiler_is_measured_without_what_needs_one(formats, monkeypatch, tmp_path):
    def check_compiler(device):
        raise ValueError("compile=true needs gcc\ninstall it")

    class Turn(contextlib.nullcontext):
        def train(self, seconds):
            return SimpleNamespace(images_per_second=1.0, peak_bytes=2**20)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu, "check_compiler", check_compiler)
    monkeypatch.setattr(gpu, "resolve_precision", lambda precision, device: formats[0])
    monkeypatch.setattr(gpu, "Turns", lambda *_: Turn())
    measured = gpu.measure(Scope([SMALL], 1, 0.1, tmp_path))
    header, *_ = measured.splitlines()
    names = [cell.strip() for cell in header.split("|")[3:-1]]
    assert names == [*formats, "32-true", "any kernels", "limit"]
    assert "Without compiled and limit, CUDA graphs: compile=true needs gcc.\n" in measured


def cells_of(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_a_bar_is_reached_by_the_seeds_that_reach_it(monkeypatch, tmp_path):
    turns = {0: (10.0, 0.905), 1: (20.0, 0.90), 2: (60.0, 0.889)}
    monkeypatch.setattr(accuracy, "own", lambda overrides, seed: turns[seed])
    monkeypatch.setattr(accuracy, "course_epochs", lambda seed: [(30.0, 0.85), (50.0, 0.88), (70.0, 0.87)])
    _, _, first, _, course = accuracy.measure(Scope([SMALL], 1, 0.1, tmp_path)).splitlines()[:5]
    assert cells_of(first)[1:] == ["3", "20 (10 to 60)", "89.80%", "88.90%", "20", "15, 2 of 3 seeds"]
    assert cells_of(course)[1:] == ["1", "70", "87.00%", "87.00%", "50", "never"]


def test_evaluation_takes_turns(monkeypatch, tmp_path):
    speeds, asked = {"own": iter((10.0, 30.0, 20.0)), "bare": iter((20.0, 30.0, 80.0))}, []

    def isolated(function, case):
        asked.append(function.__name__)
        return next(speeds[function.__name__])

    monkeypatch.setattr(evaluation, "isolated", isolated)
    *_, line = evaluation.measure(Scope([SMALL], 3, 0.1, tmp_path)).splitlines()
    assert cells_of(line) == ["lenet@28", "20", "30", "0.50 (0.25 to 1.00)"]
    assert asked == ["own", "bare", "bare", "own", "own", "bare"]


def test_the_gain_is_the_geometric_mean_over_nets(monkeypatch, tmp_path):
    other = Case("lenet", 28, 128)
    rounds = {SMALL: [(8.0, 2.0), (9.0, 3.0), (8.0, 8.0)], other: [(24.0, 2.0)]}

    def side_by_side(case, *_):
        for own, course in rounds[case]:
            yield dict.fromkeys(LOOPS, 1.0) | {"own": own, "course": course, "peak": 1e9, "peak_bytes": 1}

    monkeypatch.setattr(training, "lay_out", lambda folder: None)
    monkeypatch.setattr(training, "side_by_side", side_by_side)
    told = training.measure(Scope([SMALL, other], 3, 0.1, tmp_path))
    assert "Geometric mean of cnnzoo / course: 6.00.\n" in told


def test_growth_counts_three_forwards_a_step(monkeypatch, tmp_path):
    measured = [SimpleNamespace(images_per_second=speed) for speed in (10.0, 40.0, 20.0)]
    monkeypatch.setattr(growth, "GRIDS", {"data.resize": [SMALL]})
    monkeypatch.setattr(growth, "Turns", lambda *_: None)
    monkeypatch.setattr(growth, "in_turn", lambda loops, *_: [dict.fromkeys(loops, each) for each in measured])
    monkeypatch.setattr(growth, "check", lambda config: SimpleNamespace(macs=2 * 10**9))
    monkeypatch.setattr(growth, "_draw", lambda rows: Figure())
    *_, line = growth.measure(Scope([], 3, 0.1, tmp_path)).splitlines()
    assert cells_of(line) == ["data.resize", "28", "2,000.0", "20", "150%", "120.0"]


def test_the_first_round_of_commands_fills_the_file_cache_and_is_not_counted(monkeypatch, tmp_path):
    now, taken = 0.0, iter((100.0, 200.0, 1.0, 3.0, 2.0, 5.0))

    def run(*_, **__):
        nonlocal now
        now += next(taken)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(startup, "load_files", lambda root: None)
    monkeypatch.setattr(startup, "COMMANDS", {startup.FLOOR: ([], 0), startup.STEP: ([], 0)})
    monkeypatch.setattr(startup.subprocess, "run", run)
    monkeypatch.setattr(startup.time, "perf_counter", lambda: now)
    told = startup.measure(Scope([], 2, 0.1, tmp_path))
    assert cells_of(told.splitlines()[3]) == [startup.STEP, "4.00", "3.00", "5.00"]
    assert "The first step ends 2.50 s after what the imports take." in told


def test_what_a_cell_costs_beyond_its_own_account_is_of_those_behind_the_first():
    seen = sweep_cells.Measured(ends=[5.0, 7.0, 9.0], totals=[4.0, 1.5, 1.5], memory=[], files=[])
    assert seen.overhead == 0.5


def test_two_cells_have_half_of_the_threads_each_and_begin_in_turn(monkeypatch):
    begun = []

    class Turn(contextlib.nullcontext):
        def __init__(self, *_, threads):
            super().__init__(self)
            self.threads = threads

        def begin(self, seconds):
            begun.append(self.threads)

        def end(self):
            return SimpleNamespace(images_per_second=float(self.threads))

    monkeypatch.setattr(slots, "Turns", Turn)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    assert slots.side_by_side(SMALL, 2) == [(6.0, 6.0), (6.0, 6.0)]
    assert begun == [6, 3, 3, 3, 3, 6]


def test_the_compiled_net_goes_first_in_every_other_round(monkeypatch):
    now, done = 0.0, []

    def bare_step(case, compile_mode=None):
        def step():
            nonlocal now
            now += 1.0
            done.append("compiled" if compile_mode else "plain")

        return step

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")  # which is put back afterwards
    monkeypatch.setattr(compiled, "bare_step", bare_step)
    monkeypatch.setattr(compiled.time, "perf_counter", lambda: now)
    compiled.side_by_side(SMALL, 1.0, 2)
    assert done[-4:] == ["plain", "compiled", "compiled", "plain"]


@pytest.mark.parametrize(
    ("words", "left_out"),
    [
        ([], {"slots", "compile"}),
        (["--quick"], {"slots", "compile", "growth", "accuracy"}),
        (["compile", "gpu"], {*command.PARTS} - {"compile", "gpu"}),
    ],
)
def test_what_takes_long_is_measured_where_it_is_asked_for(words, left_out, outside, monkeypatch):
    measured, names = [], [*command.PARTS]
    parts = {name: lambda scope, name=name: measured.append(name) or "" for name in names}
    monkeypatch.setattr(command, "PARTS", parts)
    monkeypatch.setattr(command, "load_files", lambda root: None)
    monkeypatch.setattr("sys.argv", ["benchmarks", *words])
    command.main()
    assert {*names} - {*measured} == left_out


def test_each_variant_is_what_its_column_says():
    default, changed = SMALL.config().values["trainer"], {}
    for name, (_, *overrides) in gpu.VARIANTS.items():
        trainer = SMALL.config(*overrides).values["trainer"]
        changed[name] = {key: trainer[key] for key in ("precision", "deterministic") if trainer[key] != default[key]}
    assert changed["any kernels"] == {"deterministic": False}
    assert changed["16-mixed"] == {"precision": "16-mixed"}
