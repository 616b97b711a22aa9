"""The harness measures what it says: whole steps, after a warm-up, of loops that train the same net."""

import itertools

import pytest
from torch.optim.optimizer import register_optimizer_step_post_hook

from benchmarks import __main__ as command
from benchmarks import loops
from benchmarks.cases import CASES, QUICK, Case
from benchmarks.loops import LOOPS, Enough, Stopwatch, lay_out, run_loop

SMALL = Case("lenet", 28, 256)


def stopped_after(stopwatch, durations, monkeypatch):
    """Return images/s of one image a step, for steps that take so many seconds each."""
    now = 0.0
    monkeypatch.setattr(loops.time, "perf_counter", lambda: now)
    for duration in durations:
        now += duration
        try:
            stopwatch()
        except Enough:
            return stopwatch.steps / (stopwatch.end - stopwatch.begin)
    raise AssertionError("it never had enough")


def test_steps_count_from_the_end_of_the_warm_up(monkeypatch):
    durations = itertools.chain([5.0], itertools.repeat(0.2, 2), itertools.repeat(0.1))  # the first ones prepare
    assert stopped_after(Stopwatch(3.0), durations, monkeypatch) == pytest.approx(10)


def test_slow_steps_are_measured_too(monkeypatch):
    assert stopped_after(Stopwatch(1.0), itertools.repeat(4.0), monkeypatch) == pytest.approx(0.25)


@pytest.fixture(scope="module")
def torchvision_folder(tmp_path_factory):
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
    measured = run_loop(loop, SMALL, 0.1, torchvision_folder)
    handle.remove()
    assert set(steps) == {61_706}
    assert len(steps) >= 2
    assert measured.images_per_second > 0
    assert measured.peak_bytes > 2**20


def test_the_quick_nets_are_among_all():
    assert set(QUICK) < {case.name for case in CASES}
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
