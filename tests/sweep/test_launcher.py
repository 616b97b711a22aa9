"""The launcher with cells that misbehave (RELIABILITY T11): each costs itself, and no other."""

import functools
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock

from cnnzoo.errors import UNAVAILABLE
from cnnzoo.sweep import cell as cell_process
from cnnzoo.sweep import launcher, server
from cnnzoo.sweep.folder import LOG, SweepFolder
from cnnzoo.sweep.grid import make_cells
from cnnzoo.sweep.launcher import Launcher, Running
from cnnzoo.sweep.plan import cells_to_do
from cnnzoo.training.signals import SIGNALS
from tests.conftest import ROOT
from tests.sweep import fake_cells

FAULTS = {
    "raise": "ended with exit code 1",
    "exit 0": "ended with exit code 0 before the run was completed",
    "exit 3": "ended with exit code 3",
    "kill": "was killed by SIGKILL, as by a system that has run out of memory",
    "term": "was killed by SIGTERM",
    "segfault": "was killed by SIGSEGV before",
    "interrupt": "ended with exit code 1",
    "hang": "stopped after 0.05 minutes (sweep.timeout)",
    "garbage": "ended with exit code 1",
}
BARE = {"choices": {}, "config": {}, "metrics": {}, "seconds": {}}  # of a record
COMPLETED = {"status": "completed", "metrics": {"test/acc": 1.0}, "seconds": {"total": 1}}


@functools.cache
def three_cells():
    return make_cells(["model=mlp", "data=synthetic", "trainer=smoke", "seed=0,1,2"])[0]


@pytest.fixture
def grid(tmp_path, monkeypatch):
    monkeypatch.setattr(cell_process, "main", fake_cells.main)
    monkeypatch.setattr(launcher, "GRACE", 0.3)
    monkeypatch.setattr(launcher, "POLL", 0.1)
    cells = three_cells()
    folder = SweepFolder(tmp_path / "sweep")
    folder.add(cells)
    (folder.path / "cells").write_bytes(pickle.dumps(cells))  # for a driver of its own
    return cells, folder


def run(cells, folder, *, retry=False, slots=1, timeout=None):
    ended = []
    runner = Launcher(folder, slots=slots, gpus=[], timeout=timeout, on_end=lambda cell: ended.append(cell.name))
    runner.run(cells_to_do(cells, folder, retry=retry))
    return ended


def starts(folder):
    return (folder.path / "starts").read_text().split()


@pytest.mark.parametrize("trial", [0, *(pytest.param(trial, marks=pytest.mark.fault) for trial in range(1, 5))])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_costs_one_cell_and_is_named(fault, trial, grid, count):
    cells, folder = grid
    (folder.path / "fault").write_text(fault)
    run(cells, folder, timeout=3.0 if fault == "hang" else None)
    assert [folder.status(cell.name) for cell in cells] == ["completed", "failed", "completed"]
    assert FAULTS[fault] in folder.record(cells[1].name)["error"]
    assert run(cells, folder) == []  # a failed cell is not repeated unasked
    (folder.path / "fault").unlink()
    assert run(cells, folder, retry=True) == [cells[1].name]
    assert [folder.status(cell.name) for cell in cells] == ["completed"] * 3
    assert len(starts(folder)) == 4
    count("T11")


def test_a_failed_cell_that_is_refused_when_it_is_retried_has_the_new_reason(grid):
    cells, folder = grid
    (folder.path / "fault").write_text("raise")
    run(cells, folder)
    (folder.path / "fault").write_text("refused")
    run(cells, folder, retry=True)
    assert folder.record(cells[1].name)["error"] == "no room\nmake some"
    assert folder.status(cells[1].name) == "failed"


def test_a_stopped_cell_that_is_refused_when_it_goes_on_is_named(grid, capfd):
    cells, folder = grid
    (folder.path / cells[1].name).mkdir()
    stopped = {**BARE, "status": "preempted"}
    fake_cells.write_record(folder.path / cells[1].name, stopped)
    (folder.path / "fault").write_text("refused")
    run(cells, folder)
    assert [folder.status(cell.name) for cell in cells] == ["completed", "preempted", "completed"]
    assert f"note: {cells[1].name} is preempted, and then its process ended with exit code 2" in capfd.readouterr().err


def test_a_completed_cell_whose_process_then_fails_stays_so_and_is_named(grid, capfd):
    cells, folder = grid
    (folder.path / "fault").write_text("late")  # as where an export fails
    run(cells, folder)
    assert [folder.status(cell.name) for cell in cells] == ["completed"] * 3
    assert f"note: {cells[1].name} is completed, and then its process ended with exit code 1" in capfd.readouterr().err


def test_a_completed_cell_that_dies_before_it_is_exported_stays_so(grid):
    cells, folder = grid
    export = [
        replace(cell, config=replace(cell.config, values=cell.config.values | {"export": True})) for cell in cells
    ]
    (folder.path / cells[1].name).mkdir()
    fake_cells.write_record(folder.path / cells[1].name, {**BARE, **COMPLETED})
    (folder.path / "fault").write_text("kill at once")
    run(export[1:2], folder)
    assert starts(folder) == [cells[1].name]
    assert folder.status(cells[1].name) == "completed"


def test_what_a_cell_says_of_its_own_end_stays(grid):
    cells, folder = grid
    (folder.path / "fault").write_text("diverged")
    for _ in range(2):
        run(cells, folder, retry=True)
        record = folder.record(cells[1].name)
        assert (record["status"], record["error"]) == ("diverged", "its own words")


@pytest.mark.parametrize("status", ["preempted", "failed", "diverged"])
def test_a_cell_that_dies_before_it_goes_on_has_the_new_reason(status, grid):
    cells, folder = grid
    (folder.path / cells[1].name).mkdir()
    ended = {**BARE, "status": status, "error": "another one"}
    fake_cells.write_record(folder.path / cells[1].name, ended)
    (folder.path / "fault").write_text("kill at once")
    run(cells, folder, retry=True)
    assert [folder.status(cell.name) for cell in cells] == ["completed", "failed", "completed"]
    assert "was killed by SIGKILL" in folder.record(cells[1].name)["error"]


@pytest.mark.parametrize("slots", [2, 3])
def test_cells_run_side_by_side(slots, grid):
    cells, folder = grid
    (folder.path / "fault").write_text("sleep 4")
    ended = run(cells, folder, slots=slots)
    assert set(ended) == {cell.name for cell in cells}
    assert ended[-1] == cells[1].name


@pytest.mark.parametrize(
    ("slots", "gpus", "expected"),
    [
        (2, ["a", "b"], {("a", 1), ("b", 1)}),
        (3, ["a", "b"], {("a", 2), ("b", 1)}),
        (2, ["a"], {("a", 2)}),
        (8, ["a"], {("a", 3)}),  # there are three cells
        (1, ["a", "b"], {("a", 1)}),
    ],
)
def test_cells_that_run_side_by_side_take_the_gpus_in_turn(slots, gpus, expected, grid):
    cells, folder = grid
    (folder.path / "fault").write_text("sleep 1")
    Launcher(folder, slots=slots, gpus=gpus, timeout=None, on_end=lambda cell: None).run(cells)
    records = [folder.record(cell.name) for cell in cells]
    assert {(record["gpu"], record["slots"]) for record in records} == expected


def test_a_cell_takes_the_gpu_that_has_become_free(grid):
    cells, folder = grid
    (folder.path / "fault").write_text("sleep 2")  # the second, while the first ends and the third begins
    Launcher(folder, slots=2, gpus=["a", "b"], timeout=None, on_end=lambda cell: None).run(cells)
    assert [folder.record(cell.name)["gpu"] for cell in cells] == ["a", "b", "a"]


def test_a_lost_gpu_costs_no_cell(grid, capfd):
    """It would be the first to be free again, and again."""
    cells, folder = grid
    (folder.path / "fault").write_text("GPU b is lost")
    Launcher(folder, slots=2, gpus=["a", "b"], timeout=None, on_end=lambda cell: None).run(cells)
    records = [folder.record(cell.name) for cell in cells]
    assert [(record["status"], record["gpu"]) for record in records] == [("completed", "a")] * 3
    assert len(starts(folder)) == 4  # it was tried once
    assert capfd.readouterr().err.count("note: GPU b: CUDA no longer finds GPU b; it gets no cell for 10 min") == 1


def test_a_gpu_that_could_not_take_a_cell_is_tried_again_later(grid, monkeypatch):
    cells, folder = grid
    runner = Launcher(folder, slots=3, gpus=["a", "b"], timeout=None, on_end=lambda cell: None)
    (folder.path / cells[0].name).mkdir()
    fake_cells.write_record(folder.path / cells[0].name, {**BARE, "status": "failed"})
    refused = Running(cells[0], SimpleNamespace(exitcode=UNAVAILABLE), slot=0, deadline=0.0)
    assert runner._move(refused)
    assert folder.status(cells[0].name) == "preempted"  # so that it is run again, should the sweep be stopped now
    assert runner._free_slots([]) == [1]  # 0 and 2 are of the same GPU
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + launcher.REST + 1)
    assert runner._free_slots([]) == [0, 1, 2]
    assert runner._next(cells, []) == (cells[0], 1)  # of the other GPU
    other = Running(cells[2], SimpleNamespace(exitcode=None), slot=1, deadline=0.0)
    assert runner._next(cells, [other]) == (cells[1], 0)
    assert not runner._move(refused)  # the cell had its second try
    assert runner._free_slots([]) == [1]


def test_a_full_disk_does_not_keep_a_cell_from_its_second_try(grid, monkeypatch):
    cells, folder = grid

    def full(name):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "put_back", full)
    (folder.path / "fault").write_text("GPU b is lost")
    Launcher(folder, slots=2, gpus=["a", "b"], timeout=None, on_end=lambda cell: None).run(cells)
    assert [folder.status(cell.name) for cell in cells] == ["completed"] * 3


def test_a_full_disk_that_takes_no_record_of_a_failed_cell_ends_no_other(grid, monkeypatch, capfd):
    cells, folder = grid

    def full(cell, reason):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder, "fail", full)
    (folder.path / "fault").write_text("exit 3")
    run(cells, folder)
    assert [folder.status(cell.name) for cell in cells] == ["completed", "running", "completed"]
    told = (
        "the process ended with exit code 3 before the run was completed; cannot be recorded: No space left on device"
    )
    assert f"note: {cells[1].name}: {told}" in capfd.readouterr().err


def test_the_program_is_hidden_from_a_cell_only_while_it_starts(monkeypatch):
    main = sys.modules["__main__"]
    monkeypatch.setattr(main, "__file__", "sweep.py", raising=False)
    with server.without_program():
        assert not hasattr(main, "__file__")
    assert main.__file__ == "sweep.py"


def test_a_single_cell_is_tried_on_another_gpu_too(grid):
    cells, folder = grid
    (folder.path / "fault").write_text("GPU a is lost")
    Launcher(folder, slots=2, gpus=["a", "b"], timeout=None, on_end=lambda cell: None).run(cells[:1])
    assert folder.record(cells[0].name)["gpu"] == "b"


@pytest.mark.parametrize(("gpus", "tries"), [(["a", "b"], 2), (["a"], 1)])
def test_a_cell_that_no_gpu_can_take_fails_with_its_words(gpus, tries, grid):
    cells, folder = grid
    (folder.path / "fault").write_text("no room on any GPU")
    Launcher(folder, slots=2, gpus=gpus, timeout=None, on_end=lambda cell: None).run(cells[:2])
    assert [folder.status(cell.name) for cell in cells[:2]] == ["completed", "failed"]
    assert folder.record(cells[1].name)["error"] == "out of memory before the first batch\nmake room"
    assert starts(folder).count(cells[1].name) == tries


def test_the_record_of_a_cell_that_died_before_it_had_one_tells_its_size(grid):
    cells, folder = grid
    folder.fail(cells[0], "was killed")
    record = folder.record(cells[0].name)
    assert (record["status"], record["error"]) == ("failed", "was killed")
    assert record["params"] == 203_530


def test_the_row_of_a_cell_whose_record_does_not_tell_its_size_has_it(grid):
    cells, folder = grid
    (folder.path / cells[0].name).mkdir()
    fake_cells.write_record(folder.path / cells[0].name, BARE | {"status": "preempted"})
    assert folder.rows()[0]["params"] == 203_530


def test_a_cell_leaves_ctrl_c_to_its_sweep_and_writes_into_its_log(tmp_path, monkeypatch):
    """In a process that is forked with signals held back, as the sweep's server does it."""

    def look(*_, **__):
        held_back = signal.pthread_sigmask(signal.SIG_BLOCK, []) & {*SIGNALS}
        os.write(1, f"{signal.getsignal(signal.SIGINT) == signal.SIG_IGN}, {len(held_back)} held back\n".encode())
        os.write(2, b"and an error\n")

    monkeypatch.setattr(cell_process, "_train", look)
    (tmp_path / LOG).write_text("before\n")
    process = multiprocessing.get_context("fork").Process(
        target=cell_process.main, args=(three_cells()[0].config, {}, tmp_path, 1, None)
    )
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    process.start()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    process.join()
    assert (tmp_path / LOG).read_text() == "before\nTrue, 0 held back\nand an error\n"


@pytest.mark.parametrize("lacking", [{"metrics": {}}, {"metrics": None}, {"seconds": {}}, {"seconds": None}])
def test_a_completed_cell_without_its_figures_has_no_record(lacking, grid):
    cells, folder = grid
    path = folder.path / cells[0].name
    path.mkdir()
    fake_cells.write_record(path, BARE | COMPLETED)
    assert folder.status(cells[0].name) == "completed"
    fake_cells.write_record(path, BARE | COMPLETED | lacking)
    assert folder.status(cells[0].name) == "to do"


def test_a_completed_cell_stays_so_where_it_is_impossible(grid):
    cells, folder = grid
    run(cells[:1], folder)
    folder.add([replace(cell, facts={}, problem="needs another machine") for cell in cells])
    assert [folder.status(cell.name) for cell in cells] == ["completed", "n/a", "n/a"]
    assert folder.cells[cells[0].name]["params"] == cells[0].facts["params"]
    run(cells[1:2], folder)  # elsewhere, after it was found to be impossible here
    assert [folder.status(cell.name) for cell in cells] == ["completed", "completed", "n/a"]


def test_a_cell_sees_its_gpu_or_takes_its_share_of_the_cores(grid, tmp_path, monkeypatch):
    seen = []
    monkeypatch.undo()  # the real one
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", lambda threads: seen.append(threads))

    def train(*_, resume, slots, changed):
        seen.append((slots, changed, os.environ["CUDA_VISIBLE_DEVICES"]))

    monkeypatch.setattr("cnnzoo.run.train", train)
    monkeypatch.setattr("cnnzoo.training.device.choose_device", lambda _: torch.device("cuda"))
    monkeypatch.setattr(torch, "zeros", lambda *_, device: None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    cell_process.main(grid[0][0].config, {}, tmp_path / "cpu", 3, None)
    cell_process.main(grid[0][0].config, {"data.augment": "flip"}, tmp_path / "gpu", 1, "7")
    assert seen == [2, (3, {}, ""), (1, {"data.augment": "flip"}, "7")]


@pytest.mark.parametrize(
    ("device", "words"),
    [("cpu", "no longer finds GPU 7\nlook at"), ("cuda", "GPU 7 cannot be used: CUDA error: unknown error\nlook at")],
)
def test_a_cell_whose_gpu_is_lost_does_not_train_on_the_cpu(device, words, grid, tmp_path, monkeypatch, capsys):
    def broken(*_, device):
        raise RuntimeError("CUDA error: unknown error\nmore of it")

    monkeypatch.undo()  # the real one
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(torch, "zeros", broken)
    monkeypatch.setattr("cnnzoo.training.device.choose_device", lambda _: torch.device(device))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(SystemExit) as exited:
        cell_process.main(grid[0][0].config, {}, tmp_path / "gpu", 1, "7")
    assert exited.value.code == UNAVAILABLE
    assert words in capsys.readouterr().err
    assert not (tmp_path / "gpu" / "run.json").exists()


def test_a_cell_that_another_process_runs_is_waited_for_and_not_run_twice(grid):
    cells, folder = grid
    held = folder.path / cells[0].name
    held.mkdir()
    lock = FileLock(held / ".lock", thread_local=False)
    lock.acquire()

    def finish():
        fake_cells.write_record(held, {**BARE, **COMPLETED})
        lock.release()

    threading.Timer(1, finish).start()
    ended = run(cells, folder)
    assert set(ended) == {cell.name for cell in cells}
    assert cells[0].name not in starts(folder)


def test_ctrl_c_stops_what_runs_and_it_goes_on_next_time(grid, capfd):
    cells, folder = grid
    (folder.path / "fault").write_text("sleep 30")

    def interrupt():
        while folder.status(cells[1].name) != "running":
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    handlers = [signal.getsignal(each) for each in SIGNALS]
    threading.Thread(target=interrupt).start()
    run(cells, folder)
    assert [signal.getsignal(each) for each in SIGNALS] == handlers
    assert [folder.status(cell.name) for cell in cells] == ["completed", "running", "to do"]
    told = "SIGINT: the cells that run finish their batch, save and stop; Ctrl-C again: without saving"
    assert capfd.readouterr().err.count(told) == 1
    (folder.path / "fault").unlink()
    assert run(cells, folder) == [cells[1].name, cells[2].name]


def test_a_signal_that_is_ignored_stays_so_while_cells_run(grid):
    def handlers():
        return signal.getsignal(signal.SIGHUP), signal.getsignal(signal.SIGTERM)

    cells, folder = grid
    seen = []
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as by nohup
    try:
        runner = Launcher(folder, slots=1, gpus=[], timeout=None, on_end=lambda cell: seen.append(handlers()))
        runner.run(cells[:1])
    finally:
        signal.signal(signal.SIGHUP, before)
    ((hangup, terminate),) = seen
    assert hangup is signal.SIG_IGN
    assert callable(terminate)


def test_a_cell_that_begins_as_ctrl_c_comes_is_stopped_too(grid, monkeypatch):
    cells, folder = grid
    (folder.path / "fault").write_text("sleep 30")
    start = Launcher._start

    def interrupted(runner, cell, slot):
        os.kill(os.getpid(), signal.SIGINT)  # nothing is at work yet that could be told
        return start(runner, cell, slot)

    monkeypatch.setattr(Launcher, "_start", interrupted)
    begin = time.monotonic()
    run(cells[1:], folder)
    assert time.monotonic() - begin < 20
    assert not any(folder.status(cell.name) == "completed" for cell in cells)


def test_a_second_ctrl_c_does_not_wait(grid, monkeypatch):
    cells, folder = grid
    monkeypatch.setattr(launcher, "GRACE", 3600)
    (folder.path / "fault").write_text("hang")  # and does not listen when it is asked to stop

    def interrupt():
        while folder.status(cells[1].name) != "running":
            time.sleep(0.05)
        time.sleep(0.5)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

    threading.Thread(target=interrupt).start()
    begin = time.monotonic()
    run(cells, folder)
    assert time.monotonic() - begin < 20
    assert [folder.status(cell.name) for cell in cells] == ["completed", "running", "to do"]


pytestmark = pytest.mark.timeout(60)
DRIVER = """
import pickle
import sys
from pathlib import Path
from cnnzoo.sweep import cell, launcher, server
from cnnzoo.sweep.plan import cells_to_do
from cnnzoo.sweep.folder import LOG, SweepFolder
from tests.sweep import fake_cells
if __name__ == "__main__":
    cell.main, launcher.POLL = fake_cells.main, 0.1
    server.PRELOADED[:] = ["tests.sweep.fake_cells"]
    folder = SweepFolder(Path(sys.argv[1]))
    cells = pickle.loads((folder.path / "cells").read_bytes())
    with folder.locked():
        show = lambda cell: print(cell.name, flush=True)
        runner = launcher.Launcher(folder, slots=1, gpus=[], timeout=None, on_end=show)
        runner.run(cells_to_do(cells, folder, retry=False))
"""


@pytest.mark.parametrize("whole_group", [True, False])
def test_a_killed_driver_loses_nothing_and_repeats_nothing(whole_group, grid, tmp_path, count):
    cells, folder = grid
    (folder.path / "fault").write_text("sleep 3")
    command = [sys.executable, "-c", DRIVER, str(folder.path)]
    options = {"cwd": ROOT, "stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(command, **options) as first:
        assert first.stdout.readline().strip() == cells[0].name
        while folder.status(cells[1].name) != "running":
            time.sleep(0.05)
        (os.killpg if whole_group else os.kill)(first.pid, signal.SIGKILL)
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert [folder.status(cell.name) for cell in cells] == ["completed"] * 3
    assert cells[0].name not in second.stdout
    # A child that lives on without its driver finishes its cell; one that was killed with it leaves it to be run.
    assert starts(folder).count(cells[1].name) == (2 if whole_group else 1)
    assert starts(folder).count(cells[2].name) == 1
    count("T12")


def test_a_program_that_is_edited_meanwhile_fails_no_cell(grid, tmp_path, count):
    cells, folder = grid
    program = tmp_path / "driver.py"
    program.write_text(DRIVER)
    command = [sys.executable, str(program), str(folder.path)]
    options = {"stdout": subprocess.PIPE, "text": True, "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    with subprocess.Popen(command, cwd=ROOT, **options) as driver:
        assert driver.stdout.readline().strip() == cells[0].name
        program.write_text("raise SystemExit('edited')")
        driver.stdout.read()
    assert [folder.status(cell.name) for cell in cells] == ["completed"] * 3
    count("T12")


def test_a_second_interrupt_kills_and_a_first_one_lets_a_cell_save_whose_time_is_up(grid):
    cells, folder = grid
    asked = []
    process = SimpleNamespace(terminate=lambda: asked.append("terminate"), kill=lambda: asked.append("kill"))
    running = [Running(cells[0], process, slot=0, deadline=0.0)]
    running[0].stop("stopped after 1 minutes (sweep.timeout)")
    runner = Launcher(folder, slots=1, gpus=[], timeout=60.0, on_end=lambda cell: None)
    runner._interrupt(signal.SIGINT, running)
    assert asked == ["terminate"]
    runner._interrupt(signal.SIGINT, running)
    assert asked == ["terminate", "kill"]


@pytest.mark.parametrize(
    ("numbers", "killed"),
    [
        ((signal.SIGHUP, signal.SIGHUP), False),
        ((signal.SIGUSR1, signal.SIGTERM), False),
        ((signal.SIGTERM, signal.SIGINT), False),
        ((signal.SIGTERM, signal.SIGINT, signal.SIGINT), True),
    ],
)
def test_only_a_second_ctrl_c_ends_cells_that_save(numbers, killed, grid):
    cells, folder = grid
    asked = []
    process = SimpleNamespace(terminate=lambda: asked.append("terminate"), kill=lambda: asked.append("kill"))
    runner = Launcher(folder, slots=1, gpus=[], timeout=60.0, on_end=lambda cell: None)
    running = [Running(cells[0], process, slot=0, deadline=0.0)]
    for number in numbers:
        runner._interrupt(number, running)
    assert asked == ["terminate", *(["kill"] if killed else [])]


def test_a_cell_that_saves_itself_when_its_time_is_up_has_failed(grid):
    cells, folder = grid
    (folder.path / cells[0].name).mkdir()
    fake_cells.write_record(folder.path / cells[0].name, {**BARE, "status": "preempted"})
    runner = Launcher(folder, slots=1, gpus=[], timeout=60.0, on_end=lambda cell: None)
    reason = "stopped after 1 minutes (sweep.timeout)"
    runner._end(Running(cells[0], SimpleNamespace(exitcode=143), slot=0, deadline=0.0, reason=reason))
    assert (folder.status(cells[0].name), folder.record(cells[0].name)["error"]) == ("failed", reason)


def test_a_signal_to_the_whole_group_waits_for_the_cells(grid, count):
    cells, folder = grid
    (folder.path / "fault").write_text("slow stop")
    command = [sys.executable, "-c", DRIVER, str(folder.path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as driver:
        assert driver.stdout.readline().strip() == cells[0].name
        while folder.status(cells[1].name) != "running":
            time.sleep(0.05)
        os.killpg(driver.pid, signal.SIGTERM)
    assert [folder.status(cell.name) for cell in cells] == ["completed", "preempted", "to do"]
    count("T12")
