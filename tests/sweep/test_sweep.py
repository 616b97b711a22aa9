"""Sweeps as users see them: the command, the folder, the table, the exit code."""

import csv
import errno
import io
import json
import os
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from rich.console import Console

import sweep as sweep_module
import train as train_module
from cnnzoo.__main__ import main
from cnnzoo.choices import CONF
from cnnzoo.commands import quoted
from cnnzoo.console import RunConsole
from cnnzoo.data import SyntheticDataModule
from cnnzoo.data.synthetic import make_synthetic
from cnnzoo.errors import BusyError, RunEnded, UserError
from cnnzoo.explain import explain
from cnnzoo.record import read_history, read_record, write_record
from cnnzoo.report.runs import read_runs
from cnnzoo.run import train
from cnnzoo.sweep import cell as cell_process
from cnnzoo.sweep import driver, launcher, plan, screen
from cnnzoo.sweep.cell import run_planned
from cnnzoo.sweep.driver import _again, _choose_slots, _finish, sweep
from cnnzoo.sweep.folder import COLUMNS, SweepFolder, is_locked
from cnnzoo.sweep.grid import make_cells
from cnnzoo.sweep.notes import at_work, changed_nets, edited_values, full_disk, other_sweeps, strays
from cnnzoo.sweep.plan import _epochs_done, _finished, _minutes, cells_to_do, done_elsewhere
from cnnzoo.sweep.screen import Screen, _progress, for_screen
from cnnzoo.sweep.settings import choose_folder, read_settings
from cnnzoo.sweep.summary import pool
from cnnzoo.sweep.told import settings_of
from tests.composed import compose_config
from tests.conftest import ROOT
from tests.sweep import fake_cells
from tests.typed import type_in

SMALL = ["data=synthetic", "data.num_train=600", "data.num_test=100", "trainer=smoke", "model=lenet,mlp", "seed=0,1"]
TIMING = ("seconds_per_epoch", "images_per_second", "peak_bytes")


def run(*arguments):
    """Do what `python sweep.py <arguments>` does, in this process; return the exit code."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        plain = [each for each in arguments if "," not in each]
        config = compose("sweep", plain, return_hydra_config=True)
    params = config.hydra.sweeper.params
    HydraConfig.instance().cfg = None  # as in a new process
    try:
        sweep(config, params, arguments, None)
    except SystemExit as exited:
        return exited.code
    return 0


def summary(folder):
    with (folder / "summary.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run(*SMALL, "sweep.name=small") == 0
    return folder / "outputs" / "small"


def test_the_summary_has_a_row_for_each_cell(finished):
    rows = summary(finished)
    assert list(rows[0]) == list(COLUMNS)
    assert [(row["model"], row["seed"], row["status"]) for row in rows] == [
        (model, seed, "completed") for model in ("lenet", "mlp") for seed in ("0", "1")
    ]
    for row in rows:
        record = read_record(finished / row["folder"])
        assert (float(row["test_acc"]), float(row["val_acc"])) == (
            record["metrics"]["test/acc"],
            record["metrics"]["val/acc"],
        )
        assert float(row["seconds_per_epoch"]) == record["seconds"]["per_epoch"]
        assert float(row["images_per_second"]) == record["images_per_second"]
        assert (int(row["params"]), record["slots"]) == (record["params"], 1)
    text = (finished / "summary.md").read_text()
    assert "2/2" in text
    assert "\n\nin all cells: data=synthetic data.num_train=600 data.num_test=100 trainer=smoke\n" in text


def test_below_the_table_stands_which_rows_have_runs_that_are_far_apart(finished):
    folder = SweepFolder(finished)

    def notes(times, accuracies):
        told = zip(folder.rows(), times, accuracies, strict=True)
        every = [row | {"seconds_per_epoch": seconds, "test_acc": acc} for row, seconds, acc in told]
        return folder.notes(pool(every))[1:]  # the first is of all cells

    alike = (0.5, 0.5, 0.5, 0.54)
    assert notes((3.0, 4.0, 9.0, 9.0), alike) == notes((0.1, 0.9, 9.0, 9.0), alike) == []
    (slow,) = notes((3.0, 4.0, 9.0, 14.0), alike)
    assert slow.endswith("as where other work ran beside some runs: mlp 28 adamw 9.0 s to 14.0 s.")
    (far,) = notes((3.0, 4.0, 9.0, 9.0), (0.5, 0.6, 0.5, 0.5))
    assert far == "Seeds are far apart, look at them one by one: lenet 28 adamw 50.00% to 60.00%."


def test_a_cell_has_the_figures_of_the_run_alone(finished, tmp_path):
    row = summary(finished)[1]
    overrides = [each for each in SMALL if "," not in each]
    alone = train(compose_config([*overrides, "model=lenet", "seed=1"]), tmp_path)
    assert alone["metrics"] == read_record(finished / row["folder"])["metrics"]


def test_the_same_command_again_does_nothing_and_another_grid_adds_to_the_table(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.parents[1])
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("run.json")}
    assert run(*SMALL, "sweep.name=small") == 0
    text = capsys.readouterr().out
    assert "4 cells in outputs/small: 0 to do" in text
    assert "in all cells: data=synthetic data.num_train=600 data.num_test=100 trainer=smoke" in text
    assert run(*SMALL[:-2], "model=mlp", "seed=1,2", "sweep.name=small") == 0
    assert len(summary(finished)) == 5
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_net_that_was_edited_since_keeps_its_row_and_is_named(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.parents[1])
    record = next(finished.glob("mlp-28-adamw-s1-*/run.json"))
    before = record.read_bytes()
    try:
        write_record(record.parent, json.loads(before) | {"params": 7})
        for more in ([], ["plan=true"]):
            assert run(*SMALL, "sweep.name=small", *more) == 0
            assert "note: mlp had 7 parameters when it was trained here, and has " in capsys.readouterr().out
        assert next(row for row in summary(finished) if row["folder"] == record.parent.name)["params"] == "7"
    finally:
        record.write_bytes(before)
    assert run(*SMALL, "sweep.name=small") == 0
    assert "note:" not in capsys.readouterr().out


def test_cells_that_were_asked_for_in_the_same_words_are_told_apart(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "small")
    folder = SweepFolder(tmp_path / "small")
    name = next(each for each in folder.cells if each.startswith("lenet-28-adamw-s0"))
    again = json.loads(json.dumps(folder.cells[name]))  # after an edit of conf/model/lenet.yaml
    again["config"]["model"]["lr"]["adamw"] = again["config"]["optimizer"]["lr"] = 0.02
    folder.cells["lenet-28-adamw-s0-0"] = again
    other = json.loads(json.dumps(again)) | {"seed": 7, "overrides": [*again["overrides"], "seed=7"]}
    folder.cells["lenet-28-adamw-s7-0"] = other  # a seed that was asked for since
    settings = {row["folder"]: row["settings"] for row in folder.rows()}
    assert settings.pop("lenet-28-adamw-s7-0") == "optimizer.lr=0.02"
    assert (
        settings.pop(next(each for each in folder.cells if each.startswith("lenet-28-adamw-s1"))) == "optimizer.lr=0.03"
    )
    assert (settings.pop(name), settings.pop("lenet-28-adamw-s0-0")) == ("optimizer.lr=0.03", "optimizer.lr=0.02")
    assert {*settings.values()} == {""}


def test_a_cell_that_another_process_trains_is_named(tmp_path):
    cells, _ = make_cells(["model=mlp", "seed=0,1"])
    (tmp_path / cells[1].name).mkdir()
    with FileLock(tmp_path / cells[1].name / ".lock"):
        (note,) = at_work(cells, SweepFolder(tmp_path))
    assert note.startswith(f"another process trains {cells[1].name};")
    assert not list(at_work(cells, SweepFolder(tmp_path)))


def test_a_grid_that_another_folder_has_in_part_names_that_folder(finished, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(finished.parents[1])
    more = [*SMALL[:-2], "model=mlp,lenet", "seed=0,1,9", "plan=true"]
    run(*more)
    told = "note: 4 of these cells are completed in outputs/small; type hydra.sweep.dir=outputs/small to go on there"
    assert told in capsys.readouterr().out
    run(*more, f"hydra.sweep.dir={finished.parent / 'other'}")
    assert f"type hydra.sweep.dir={finished} to" in capsys.readouterr().out
    for without in ("fresh=true", "sweep.name=small", "label_smoothing=0.1", f"hydra.sweep.dir={tmp_path / 'new'}"):
        run(*more, without)
        assert "note:" not in capsys.readouterr().out


def test_a_plan_says_what_is_to_do_and_leaves_nothing(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.parents[1])
    damaged = finished.parent / "other" / "run" / "run.json"  # which tells nothing of how long runs take
    damaged.parent.mkdir(parents=True)
    damaged.write_text("[1]")
    assert run(*SMALL[:-1], "seed=1,7", "sweep.name=small", "plan=true") == 0
    shutil.rmtree(damaged.parents[1])
    text = capsys.readouterr().out
    assert "4 cells in outputs/small: 2 completed, 2 to do" in text
    assert "for 2 of 2 to do" in text
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=3 * 2**30))
    assert run("model=resnet18", "sweep.name=another", "plan=true") == 0
    text = capsys.readouterr().out
    assert "no run of similar size" in text
    assert "up to 0.2 GiB of checkpoints; 3.0 GiB are free" in text  # two of 12 bytes for each of 11.2 M parameters
    assert run(*SMALL, "plan=true") == 0
    assert [path.name for path in finished.parent.iterdir()] == ["small"]


@pytest.mark.parametrize("status", ["failed", "stuck", "diverged"])
def test_a_plan_counts_failed_cells_only_if_they_are_to_be_run_again(status, finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.parents[1])
    record = next(finished.glob("mlp-28-adamw-s1-*/run.json"))
    before = record.read_bytes()
    try:
        write_record(record.parent, json.loads(before) | {"status": status})
        assert run(*SMALL, "sweep.name=small", "plan=true") == 0
        text = capsys.readouterr().out
        assert f"3 completed, 1 {status}" in text
        assert "to do, one at a time" not in text
        assert run(*SMALL, "sweep.name=small", "plan=true", "retry=failed") == 0
        assert "for 1 of 1 to do" in capsys.readouterr().out
    finally:
        record.write_bytes(before)


def test_a_sweep_goes_on_when_nobody_reads_what_it_says(in_tmp, monkeypatch):
    read, written = os.pipe()
    os.close(read)
    with os.fdopen(written, "w") as nobody:
        monkeypatch.setattr(sys, "stdout", nobody)
        assert run(*SMALL[:-2], "model=mlp", "seed=0,1", "sweep.name=unread") == 0
    assert [row["status"] for row in summary(in_tmp / "outputs" / "unread")] == ["completed"] * 2


def test_lines_for_another_scheduler_fill_the_same_table(in_tmp):
    grid = ["data=synthetic", "data.num_train=600", "data.num_test=100", "trainer=smoke", "model=mlp", "seed=0,1"]
    assert run(*grid, "sweep.name=jobs", "emit=jobs.txt") == 0
    lines = (in_tmp / "jobs.txt").read_text().splitlines()
    assert len(lines) == 2
    command = lines[0].replace("python", f"PYTHONPATH={shlex.quote(str(ROOT))} {sys.executable}", 1)
    with subprocess.Popen(command, shell=True) as elsewhere:
        main(shlex.split(lines[1].partition("-m cnnzoo ")[2]))
        assert elsewhere.wait() == 0
    assert [row["status"] for row in summary(in_tmp / "outputs" / "jobs")] == ["completed"] * 2
    assert run(*grid, "sweep.name=jobs") == 0
    with pytest.raises(UserError, match="is there already"):
        run(*grid, "sweep.name=jobs", "emit=jobs.txt")
    assert run(*grid, "sweep.name=jobs", "emit=more.txt") == 0
    assert not (in_tmp / "more.txt").exists()  # nothing is to do


@pytest.mark.parametrize("more", [[], ["emit=jobs.txt"]])
def test_one_sweep_at_a_time_in_a_folder(more, in_tmp):
    folder = in_tmp / "outputs" / "small"
    folder.mkdir(parents=True)
    (folder / ".owner").write_text("pid 4711 on elsewhere")
    with (
        FileLock(folder / ".lock"),
        pytest.raises(BusyError, match=r"another sweep \(pid 4711 on elsewhere\) is at work"),
    ):
        run(*SMALL, "sweep.name=small", *more)
    assert {path.name for path in folder.iterdir()} == {".lock", ".owner"}


def test_a_sweep_that_has_only_just_begun_is_named(tmp_path):
    beginning = threading.Timer(0.2, lambda: (tmp_path / ".owner").write_text("pid 4711 on elsewhere"))
    beginning.start()
    named = pytest.raises(BusyError, match=r"another sweep \(pid 4711 on elsewhere\)")
    with FileLock(tmp_path / ".lock"), named, SweepFolder(tmp_path).locked():
        pass
    beginning.join()


def test_who_only_looks_whether_a_folder_is_in_use_keeps_no_sweep_from_it(tmp_path, monkeypatch):
    monkeypatch.setattr("cnnzoo.sweep.folder.LOCK_WAIT", 60)
    looking = FileLock(tmp_path / ".lock", thread_local=False)
    looking.acquire()
    threading.Timer(0.2, looking.release).start()
    with SweepFolder(tmp_path).locked():
        assert is_locked(tmp_path)


def test_a_sweep_whose_folder_is_in_use_exits_with_a_code_of_its_own(in_tmp, capsys, count):
    folder = in_tmp / "outputs" / "small"
    folder.mkdir(parents=True)
    with FileLock(folder / ".lock"):
        assert type_in(sweep_module, *SMALL, "sweep.name=small") == 3
    assert capsys.readouterr().err.startswith("error: another sweep (of unknown owner) is at work in outputs/small\n")
    count("T13")


LOSER = "error: another sweep (pid "


def race(folder, racers):
    """Start the same sweep several times at once; return exit codes and what the losers said."""
    command = [sys.executable, str(ROOT / "sweep.py"), *SMALL[:-2], "model=mlp", "seed=0,1", "sweep.name=race"]
    options = {"cwd": folder, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **options) for _ in range(racers)]
    said = [process.communicate()[1] for process in processes]
    return [process.returncode for process in processes], said


@pytest.mark.parametrize("racers", [2, *(pytest.param(8, marks=pytest.mark.fault) for _ in range(3))])
def test_of_sweeps_that_race_for_a_folder_one_wins(racers, tmp_path, count):
    codes, said = race(tmp_path, racers)
    assert {0} <= set(codes) <= {0, 3}  # a racer that is late finds the sweep done, and has nothing to do
    for code, words in zip(codes, said, strict=True):
        assert words[: len(LOSER)] == (LOSER if code == 3 else "")
    rows = summary(tmp_path / "outputs" / "race")
    assert [row["status"] for row in rows] == ["completed"] * 2
    for row in rows:
        log = (tmp_path / "outputs" / "race" / row["folder"] / "log.txt").read_text()
        assert log.count("epoch 1/2") == 1  # run once
    count("T13")


def test_default_names_follow_the_grid_and_nothing_else():
    def name(*arguments):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            single = [each for each in arguments if "," not in each and "glob" not in each]
            config = compose("sweep", single, return_hydra_config=True)
        return str(choose_folder(config, [*SMALL, *arguments]))

    assert re.fullmatch(r"outputs/sweep-[0-9a-f]{8}", name())
    assert name() == name("sweep.slots=2") == name("retry=failed")
    assert name() == name("watch.patience=9") == name("export=onnx")
    assert name("data.resize=32", "label_smoothing=0.1") == name("label_smoothing=0.1", "data.resize=32")
    assert len({name(), name("data.resize=32"), name("optimizer=sgd,adamw")}) == 3
    assert name("data.resize=28", "++data.resize=32") == name("data.resize=32")
    assert name("experiment=small_grid") == name("experiment='small_grid'")
    assert name("experiment=small_grid").startswith("outputs/small_grid-")
    several = name("experiment=glob(course/*)"), name("experiment=course/nin,course/lenet")
    several += (name("~experiment"),)
    assert all(re.fullmatch(r"outputs/sweep-[0-9a-f]{8}", each) for each in several)
    assert len({*several, name()}) == 4
    lists = [f"sweep.variants=[{{model: {model}}}]" for model in ("lenet", "nin")]
    assert len({name(), *map(name, lists)}) == 3
    assert name("experiment=small_grid", lists[0]) == name("experiment=small_grid", lists[1])  # join its table


def test_cells_of_another_grid_of_the_same_words_are_told_of(in_tmp, capsys):
    for number, more in enumerate(
        ([], ["sweep.exclude=[{seed: 1}]"], ["sweep.name=chosen"], ["sweep.name=chosen", "seed=0"])
    ):
        assert run(*SMALL, *more, f"emit={number}.txt") == 0
    said = re.findall("note: (.*) that this command does not ask for", capsys.readouterr().out)
    assert [re.sub("sweep-.*", "", each) for each in said] == ["2 cells are in outputs/"]


def test_a_sweep_says_which_folder_it_has_chosen(in_tmp, capsys):
    run("experiment=small_grid", "data=synthetic", "plan=true")
    assert "cells in outputs/small_grid-" in capsys.readouterr().out


def budget_of(*overrides):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return read_settings(compose("sweep", ["budget=laptop", *overrides], return_hydra_config=True))


def test_what_is_said_of_a_net_counts_before_the_budget_for_all_unless_the_grid_says_it():
    of_all = "sweep.laptop={trainer.max_epochs: 3, per_model: {mlp: {trainer.max_epochs: 9}}}"
    settings = budget_of("sweep.per_model={lenet: {trainer.max_epochs: 50, seed: 4}}", of_all)
    assert settings.per_model == {"lenet": {"seed": 4}, "mlp": {"trainer.max_epochs": 9}}


def test_typed_variants_count_before_an_experiment_and_its_budget(in_tmp, capsys):
    grid = ["experiment=inception_ladder", "budget=laptop", "plan=true"]
    assert type_in(sweep_module, *grid, "sweep.variants=[{model: resnet18, data.batch_size: 32}]") == 0
    text = capsys.readouterr().out
    assert re.search("in all cells: .*trainer.limit_train_batches=100 .*data.batch_size=32", text)
    assert "2 cells in outputs/inception_ladder-laptop: 2 to do" in text
    assert "identical" not in text


def test_a_budget_has_its_own_overrides_and_its_own_folder(in_tmp, capsys):
    grid = ["data=synthetic", "model=mlp,lenet", "seed=0,1"]
    more = "{seed: 3, exclude: [{model: mlp, seed: 1}], per_model: {lenet: {model.norm: batch}}}"
    with initialize_config_dir(str(CONF), version_base="1.3"):
        chosen, full, default = (
            read_settings(compose("sweep", overrides, return_hydra_config=True))
            for overrides in (
                [f"sweep.laptop={more}", "budget=laptop"],
                [f"sweep.laptop={more}"],
                ["budget=laptop"],
            )
        )
    assert (chosen.reduced, full.reduced) == ({"seed": 3}, {})
    assert (chosen.exclude, full.exclude) == ([{"model": "mlp", "seed": 1}], [])
    assert (chosen.per_model, full.per_model) == ({"lenet": {"model.norm": "batch"}}, {})
    assert default.reduced == {"trainer.max_epochs": 3, "trainer.limit_train_batches": 0.2}
    assert budget_of("sweep.laptop={per_model: {mlp: {seed: 7}}}").reduced == default.reduced
    assert budget_of("sweep.laptop={exclude: []}").reduced == default.reduced
    run(*grid, "budget=laptop", "plan=true")
    assert re.search(r"4 cells in outputs/sweep-\w{8}-laptop:", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("experiment", "full", "laptop"),
    [("alexnet_simplified", 24, 8), ("vgg_resolution", 15, 10), ("inception_ladder", 21, 11)],
)
def test_the_questions_of_the_course_are_grids_for_a_gpu_and_for_a_laptop(experiment, full, laptop, in_tmp, capsys):
    run(f"experiment={experiment}", "plan=true")
    run(f"experiment={experiment}", "plan=true", "budget=laptop")
    said = capsys.readouterr().out
    assert f"{full} cells in outputs/{experiment}: {full} to do" in said
    assert f"{laptop} cells in outputs/{experiment}-laptop: {laptop} to do" in said


def test_fresh_is_a_folder_beside_the_one_that_is_there(in_tmp, capsys):
    (in_tmp / "outputs" / "small").mkdir(parents=True)
    run(*SMALL, "sweep.name=small", "fresh=true", "plan=true")
    assert "cells in outputs/small-2:" in capsys.readouterr().out
    run(*SMALL, "hydra.sweep.dir=.", "fresh=true", "plan=true")
    assert f"cells in {in_tmp}-2:" in capsys.readouterr().out
    run(*SMALL, "hydra.sweep.dir=${hydra:job.config_name}", "plan=true")
    assert "cells in sweep:" in capsys.readouterr().out
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("sweep", ["sweep.name=small", "fresh=true"], return_hydra_config=True)
    assert choose_folder(config, []) == Path("outputs/small-2")
    assert config.hydra.sweep.dir == "outputs/small-2"  # where a launcher puts its logs


def test_missing_data_are_said_once_and_before_anything_is_written(in_tmp, monkeypatch):
    def missing(root):
        raise UserError(f"Fashion-MNIST is not in {root}")

    monkeypatch.setattr("cnnzoo.data.fashion_mnist.load_fashion_mnist", missing)
    with pytest.raises(UserError, match="Fashion-MNIST is not in nowhere"):
        run("model=lenet,mlp", "data.root=nowhere")
    assert list(in_tmp.iterdir()) == []


def test_impossible_cells_are_named_and_refused_on_request(in_tmp, capsys):
    grid = ["data=synthetic", "trainer=smoke", "model=alexnet", "model.stem=paper", "data.resize=28,67"]
    assert run(*grid, "plan=true") == 0
    assert "n/a: alexnet-28-adamw-s0: images of 28 px shrink to nothing" in capsys.readouterr().out
    with pytest.raises(UserError, match="images of 28 px shrink to nothing"):
        run(*grid, "sweep.invalid=error")
    with pytest.raises(UserError, match="images of 28 px shrink to nothing"):
        run(*grid[:-1])
    with pytest.raises(
        UserError, match=r"^(alexnet-28-adamw-s\d: images of 28 px shrink to nothing.*\n){3}and 1 more$"
    ):
        run(*grid[:-1], "seed=0,1,2,3")
    assert list(in_tmp.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sweep.slots=0", "sweep.slots must be auto or a whole number"),
        ("~sweep.slots", r"sweep.slots cannot be removed\nleave ~sweep.slots out"),
        ("~plan", "leave ~plan out"),
        ("sweep.timeout=-1", "sweep.timeout must be a number of minutes"),
        ("sweep.slots=true", "sweep.slots must be auto or a whole number"),
        ("sweep.timeout=true", "sweep.timeout must be a number of minutes"),
        ("sweep.timeout=0", "sweep.timeout must be a number of minutes above 0"),
        ("sweep.invalid=maybe", "sweep.invalid must be skip or error"),
        ("sweep.name=a/b", "sweep.name must be a word"),
        ("sweep.name=.hidden", "sweep.name must be a word"),
        ("retry=all", "retry must be none or failed"),
        ("plan=1", "plan must be true or false"),
        ("+sweep.slot=1", "unknown key 'sweep.slot'"),
        ("sweep.exclude=3", "sweep.exclude must be a list"),
        ("sweep.variants=3", "sweep.variants must be a list"),
        ("sweep.laptop=3", "sweep.laptop must be overrides"),
        ("sweep.variants=[{resume: x}]", r"sweep.variants: 'resume' is nothing that cells can differ in there\nleave"),
        ("sweep.variants=[{hydra.run.dir: x}]", "sweep.variants: 'hydra.run.dir' is nothing that cells"),
        ("sweep.per_model={lenet: {model: mlp}}", "sweep.per_model: 'model' is nothing that cells"),
        ("sweep.per_model={lenet: {plan: true}}", "sweep.per_model: 'plan' is nothing that cells"),
        ("sweep.per_model=3", "sweep.per_model must be overrides by model"),
        ("plan=true,false", r"'plan=true,false' has several values, and this key takes one\ntype one of them"),
        ("sweep.slots=1,2", "'sweep.slots=1,2' has several values"),
        ("sweep=weekend", r"sweep is a group of keys\ntype sweep.name=weekend"),
        ("sweep=null", "type sweep.name=NAME"),
        ("sweep.name=2026", r"sweep.name must be a word \(got 2026\)\ntype for example sweep.name=grid-2026"),
        ("hydra.sweep.dir=", r"hydra.sweep.dir is empty\ntype hydra.sweep.dir=DIR"),
        (
            "hydra.sweep.dir=runs/${model}",
            r"hydra.sweep.dir has all keys of a group in its name\ntype hydra.sweep.dir=",
        ),
        ("hydra.run.dir=here", r"folder of one run\ntype hydra.sweep.dir=DIR"),
        ("budget=huge", "budget must be full or laptop"),
        ("budget=laptop", "budget=laptop and trainer=smoke both say how much is trained"),
    ],
)
def test_mistakes_are_answered_in_words(override, words, in_tmp):
    with pytest.raises(UserError, match=words):
        run(*SMALL, override)
    assert list(in_tmp.iterdir()) == []


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("model=lenet,vgg99,nni", "unknown model 'vgg99'; did you mean .*\nunknown model 'nni'; did you mean nin"),
        ("data.resize=28,abc", r"data\.resize must be a whole number of pixels, 1 to 1024 \(got 'abc'\)"),
        ("data.resize=28,abc,-1", r"\(got 'abc'\)\n.*\n.*\(got -1\)"),
        ("data.batch_size=0,64", r"data\.batch_size must be a whole number, at least 1 \(got 0\)"),
        ("trainer.precision=fp7", "trainer.precision must be one of auto, 32-true, bf16-mixed, 16-mixed"),
        ("optimizer=sgd,adammw", "unknown optimizer 'adammw'; did you mean adamw"),
        ("modle=lenet", "unknown key 'modle'; did you mean model"),
        ("+modle=lenet", "unknown key 'modle'; did you mean model"),
        ("model._target_=os.system", "model._target_=os.system is refused"),
        ("seed=range(", "cannot read"),
        ("protocol=honest", "protocol must be one of holdout, course"),
    ],
)
def test_mistakes_in_a_grid_are_answered_before_anything_is_written(override, words, in_tmp):
    with pytest.raises((UserError, HydraException)) as refused:
        run("data=synthetic", "trainer=smoke", override)
    assert re.search(words, explain(refused.value))
    assert list(in_tmp.iterdir()) == []


@pytest.mark.parametrize("name", ["summary.md", "summary.csv"])
def test_a_summary_that_no_sweep_has_written_is_not_overwritten(name, in_tmp):
    (in_tmp / name).write_text("my notes")
    for more in ("plan=false", "plan=true"):
        with pytest.raises(UserError, match=rf"{name}, not written by cnnzoo\ntype hydra.sweep.dir=DIR"):
            run(*SMALL, "hydra.sweep.dir=.", more)
    assert [(path.name, path.read_text()) for path in in_tmp.iterdir()] == [(name, "my notes")]


def test_a_grid_goes_on_where_its_plan_is_lost(finished, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(finished, tmp_path / "outputs" / "small")
    (folder / "sweep.json").unlink()
    monkeypatch.chdir(tmp_path)
    assert run(*SMALL, "sweep.name=small") == 0
    assert "4 cells in outputs/small: 0 to do" in capsys.readouterr().out
    assert [row["status"] for row in summary(folder)] == ["completed"] * 4


def test_a_folder_with_another_cells_run_is_refused(finished, tmp_path):
    folder = SweepFolder(shutil.copytree(finished, tmp_path / "small"))
    cells, _ = make_cells([*SMALL[:-1], "seed=5"])
    shutil.copytree(folder.path / next(iter(folder.cells)), folder.path / cells[0].name)
    with pytest.raises(UserError, match=r"s5-\w+ holds another run, lenet-28-adamw-s0, such as a copy\nmove it away"):
        folder.add(cells)


def test_a_folder_that_may_not_be_written_to_is_not_at_work(tmp_path):
    (tmp_path / ".lock").mkdir()
    assert not is_locked(tmp_path)


def test_a_summary_is_written_by_one_process_at_a_time(tmp_path):
    folder = SweepFolder(tmp_path)
    writing = threading.Thread(target=folder.write_summary)
    with FileLock(tmp_path / ".summary.lock"):
        writing.start()
        writing.join(0.2)
        assert not (tmp_path / "summary.csv").exists()
    writing.join()
    assert (tmp_path / "summary.csv").exists()


def test_whether_a_cell_is_at_work_is_asked_without_a_trace(tmp_path):
    assert not is_locked(tmp_path / "cell")
    assert not [*tmp_path.iterdir()]


def test_a_cells_folder_that_leads_nowhere_fails_it_in_words(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cell_process, "gc", SimpleNamespace(freeze=lambda: None))
    monkeypatch.setattr(cell_process.signal, "signal", lambda *_: None)
    (tmp_path / "cell").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SystemExit) as exited:
        cell_process.main(compose_config([]), {}, tmp_path / "cell", 1, None)
    assert exited.value.code == 2
    assert capsys.readouterr().err == f"error: cannot write to {tmp_path}/cell: File exists\n"
    (cell,), folder = planned(["data=synthetic", "trainer=smoke", "model=mlp"], tmp_path / "sweep")
    assert screen._outcome(cell, folder) == "to do: nothing is on record of it"


def test_what_is_said_of_a_budget_that_is_not_chosen_is_told(in_tmp, capsys):
    assert run(*SMALL, "sweep.laptop={seed: 5}", "plan=true") == 0
    assert "note: sweep.laptop is for budget=laptop, and changes nothing without it" in capsys.readouterr().out


def test_a_cell_is_run_only_as_its_name_says(finished, tmp_path):
    """Where a file in conf/ has been changed since it was planned."""
    plan = json.loads((finished / "sweep.json").read_text())
    name, cell = next(iter(plan["cells"].items()))
    cell["overrides"] += ["optimizer.lr=0.123"]
    (tmp_path / "sweep.json").write_text(json.dumps({"cells": {name: cell}}))
    with pytest.raises(UserError, match=r"was planned with other files in conf/\nput them back"):
        run_planned(tmp_path / name)


def test_a_folder_that_is_no_cell_is_not_run(finished, tmp_path):
    for folder in (finished / "lenet-28-adamw-s9-00000000", tmp_path / "run"):
        with pytest.raises(UserError, match=r"is no cell of a sweep\ntype python sweep.py ... emit=FILE"):
            run_planned(folder)


def test_a_summary_that_cannot_be_written_does_not_change_what_became_of_a_run(finished, tmp_path, monkeypatch, capsys):
    def full_disk(folder):
        raise OSError(errno.ENOSPC, "No space left on device")

    cell = shutil.copytree(finished, tmp_path / "small") / summary(finished)[0]["folder"]
    monkeypatch.setattr(SweepFolder, "write_summary", full_disk)
    for renew in (run_planned, cell_process.renew_summary):
        renew(cell)
        assert capsys.readouterr().err == f"note: cannot write {tmp_path}/small/summary.csv: No space left on device\n"


def test_cells_that_are_the_same_are_run_once(in_tmp, capsys):
    assert run("data=synthetic", "trainer=smoke", "model=mlp,mlp", "seed=0,0,1", "plan=true") == 0
    out = capsys.readouterr().out
    assert "note: 4 cells are identical to another" in out
    assert "2 cells in outputs/" in out


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"a": 1}', '{"status": "completed"}', '{"status": "completed", "metrics": {}}']
)
def test_a_record_that_is_none_is_a_cell_to_do(text, finished):
    folder = SweepFolder(finished)
    name = next(iter(folder.cells))
    record = finished / name / "run.json"
    before = record.read_bytes()
    try:
        record.write_text(text)
        assert folder.status(name) == "to do"
        assert len(folder.rows()) == len(folder.cells)
    finally:
        record.write_bytes(before)


@pytest.mark.parametrize("text", ['{"cel', "[]", '{"cells": {"a": 1}}', '{"cells": {"a": {"problem": null}}}'])
def test_a_damaged_plan_is_answered_in_words(text, tmp_path):
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(UserError, match=r"sweep\.json is damaged: .*\nmend it, or move it away"):
        SweepFolder(tmp_path)
    with pytest.raises(UserError, match=r"sweep\.json is damaged: .*\nmend it, or move it away"):
        read_runs([tmp_path])


def test_a_planned_cell_is_checked_as_if_it_had_been_typed(finished, tmp_path):
    plan = json.loads((finished / "sweep.json").read_text())
    name, cell = next(iter(plan["cells"].items()))
    cell["overrides"] += ["model._target_=cnnzoo.data.images.torch.load"]
    forged = compose_config(cell["overrides"])
    name = f"{forged.name}-{forged.hash8}"
    (tmp_path / "sweep.json").write_text(json.dumps({"cells": {name: cell}}))
    with pytest.raises(UserError, match="_target_"):
        run_planned(tmp_path / name)


def test_a_cell_that_goes_on_by_itself_renews_the_summary(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "small")
    (folder / "summary.csv").write_text("old")
    cell = folder / summary(finished)[0]["folder"]
    assert type_in(train_module, f"resume={cell}") == 0
    assert summary(folder) == summary(finished)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("exit 3", "the process ended with exit code 3 before the run was completed"),
        ("refused", "no room; make some"),
    ],
)
def test_a_failed_cell_is_named_by_the_command_and_in_its_exit_code(fault, words, in_tmp, monkeypatch, capsys):
    monkeypatch.setattr(cell_process, "main", fake_cells.main)
    folder = in_tmp / "outputs" / "grid"
    folder.mkdir(parents=True)
    (folder / "fault").write_text(fault)
    assert run("data=synthetic", "trainer=smoke", "model=mlp", "seed=0,1,2", "sweep.name=grid") == 1
    said = capsys.readouterr().out
    assert re.search(rf"2/3 .*-s1-\w+  failed: {words}\n", said)
    assert "\n2 completed, 1 failed; outputs/grid/summary.csv" in said
    assert said.endswith(" retry=failed\n")


def test_failed_cells_are_run_again_when_that_is_typed(in_tmp, monkeypatch, capsys):
    monkeypatch.setattr(cell_process, "main", fake_cells.main)
    folder = in_tmp / "outputs" / "grid"
    folder.mkdir(parents=True)
    (folder / "fault").write_text("exit 3")
    grid = ["data=synthetic", "trainer=smoke", "model=mlp", "seed=0,1,2", "sweep.name=grid"]
    assert run(*grid) == 1
    (folder / "fault").unlink()
    assert run(*grid) == 1
    assert run(*grid, "retry=failed") == 0
    assert "3 cells in outputs/grid: 1 to do" in capsys.readouterr().out
    assert [row["status"] for row in summary(folder)] == ["completed"] * 3


def test_a_cell_whose_time_is_up_is_stopped_by_the_command(in_tmp, monkeypatch, capsys):
    monkeypatch.setattr(cell_process, "main", fake_cells.main)
    monkeypatch.setattr(launcher, "GRACE", 0.3)
    monkeypatch.setattr(launcher, "POLL", 0.1)
    folder = in_tmp / "outputs" / "grid"
    folder.mkdir(parents=True)
    (folder / "fault").write_text("hang")
    assert run("data=synthetic", "trainer=smoke", "model=mlp", "seed=0,1", "sweep.name=grid", "sweep.timeout=0.05") == 1
    assert "stopped after 0.05 minutes (sweep.timeout)" in capsys.readouterr().out
    assert [row["status"] for row in summary(folder)] == ["completed", "failed"]


def test_a_terminal_shows_the_table_as_it_fills(in_tmp, monkeypatch, capsys):
    shown = []
    table = for_screen
    monkeypatch.setattr(cell_process, "main", fake_cells.main)
    monkeypatch.setattr(driver, "RunConsole", partial(RunConsole, force_terminal=True, width=120))

    def watched(rows, console):
        shown.append([row["status"] for row in rows])
        return table(rows, console)

    monkeypatch.setattr(screen, "for_screen", watched)
    assert run("data=synthetic", "trainer=smoke", "model=mlp", "seed=0,1", "sweep.name=grid") == 0
    assert sorted(shown[1]) == ["completed", "to do"]
    assert shown[2] == ["completed"] * 2
    assert "50.00%" in capsys.readouterr().out


def test_a_plan_fits_into_a_terminal(tmp_path):
    cells, _ = make_cells(["model=mlp", "data=synthetic", "data.batch_size=64,128", "data.augment=flip,crop_flip"])
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    plan.print_plan(cells, SweepFolder(tmp_path / "sweep"), torch.device("cpu"), console, retry=False)
    lines = re.sub(r"\x1b\[[\d;]*m", "", console.file.getvalue()).splitlines()
    assert max(map(len, lines)) <= 80
    assert len([line for line in lines if line.rstrip().endswith("to do")]) == 4


@pytest.mark.parametrize("width", [80, 100, 250])
def test_a_narrow_screen_has_the_accuracies_too(width):
    settings = "model.num_hidden=0 model.global_pool=true"
    row = {"model": "alexnet", "group": "a", "px": 224, "optimizer": "adamw", "settings": settings, "stem": "paper"}
    row |= {"params": 46_764_746, "macs": 938_000_000, "test_acc": 0.845, "seconds_per_epoch": 96.2}
    row |= {"images_per_second": 66.0, "peak_bytes": 2**30, "status": "completed", "device": "cpu"}
    console = Console(width=width, record=True)
    console.print(for_screen([row], console))
    shown = console.export_text()
    for words in ("alexnet", "224", "num_hidden=0", "global_pool=true", "1/1", "46,764,746", "84.50%", "completed"):
        assert words in shown
    assert "…" not in shown
    assert ("no room for: " in shown) == (width < 250)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_sweep_says_how_to_go_on_and_ends_with_the_code_of_its_signal(number, code, in_tmp, capsys):
    folder = SweepFolder(in_tmp / "grid")
    cells, _ = make_cells(SMALL)
    folder.add(cells)
    with pytest.raises(SystemExit) as exited:
        _finish(cells, folder, number, Console())
    assert exited.value.code == code
    assert "\nto go on:  python " in capsys.readouterr().out


def test_the_command_line_counts_before_a_budget(in_tmp, capsys):
    small = [each for each in SMALL if each != "trainer=smoke"]
    for grid, seeds in ((small, {"0", "1"}), (small[:-1], {"3"})):
        assert run(*grid, "sweep.laptop={seed: 3}", "budget=laptop", "plan=true") == 0
        cells = [line.split("|") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")][2:]
        assert {cell[4].strip() for cell in cells} == seeds


def test_settings_are_what_is_not_the_same_for_all_cells():
    def told(*cells):
        return [*settings_of({str(number): {"overrides": cell} for number, cell in enumerate(cells)}).values()]

    assert told(["model=lenet", "label_smoothing=0.1", "protocol=course"], ["label_smoothing=0.1", "seed=3"]) == [
        "protocol=course",
        "",
    ]
    assert told(["pictures=false"], ["checkpoint.every_minutes=5"]) == ["", ""]


def test_a_value_that_others_have_untyped_tells_no_cell_apart():
    usual = [*SMALL, "model=mlp"]
    typed = [*SMALL, "model=lenet", "scheduler=onecycle", "label_smoothing=0", "protocol=course"]
    folder = SweepFolder(Path("grid"))
    for cells, _ in map(make_cells, (usual, typed)):
        folder.know(cells)
    assert {*settings_of(folder.cells).values()} == {"", "protocol=course"}


def test_sweeps_that_are_timed_beside_each_other_are_named(tmp_path, monkeypatch):
    for name in ("here", "there", "done"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".owner").touch()
    cells, _ = make_cells(["model=mlp", "data=synthetic"])
    with FileLock(tmp_path / "there" / ".lock"), FileLock(tmp_path / "here" / ".lock"):
        said = "at work beside it: there; what is timed meanwhile takes longer"
        assert list(other_sweeps(cells, SweepFolder(tmp_path / "here"))) == [said]
        assert list(other_sweeps([], SweepFolder(tmp_path / "here"))) == []

    def somebody_elses(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(driver, "is_locked", somebody_elses)
    assert list(other_sweeps(cells, SweepFolder(tmp_path / "here"))) == []


def test_a_timeout_is_in_minutes_and_a_budgets_values_for_a_model_count_first():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        by_model = [
            "sweep.per_model={lenet: {seed: 1}, mlp: {seed: 2}}",
            "sweep.laptop={per_model: {lenet: {seed: 3}}}",
        ]
        settings = read_settings(
            compose("sweep", ["sweep.timeout=2", "budget=laptop", *by_model], return_hydra_config=True)
        )
    assert settings.timeout == 120
    assert settings.per_model == {"lenet": {"seed": 3}, "mlp": {"seed": 2}}


def test_a_killed_cell_has_the_epochs_of_its_history(finished):
    cells, _ = make_cells(SMALL)
    folder = SweepFolder(finished)
    record = finished / cells[0].name / "run.json"
    before = record.read_bytes()
    try:
        write_record(record.parent, json.loads(before) | {"status": "running", "epochs": 0})
        assert [_epochs_done(cell, folder) for cell in cells[:2]] == [2, 0]  # the other is completed
        (history := record.with_name("metrics.csv")).rename(kept := record.with_name("kept.csv"))
        history.write_text("epoch\ndamaged\n")
        assert _epochs_done(cells[0], folder) == 0  # as the cell itself will say
        kept.replace(history)
    finally:
        record.write_bytes(before)


@pytest.mark.parametrize(
    ("minutes", "words"), [(4.95, "about 9.9 minutes"), (30, "about 60 minutes"), (90, "about 3.0 hours")]
)
def test_a_plan_says_how_long_it_takes(minutes, words, tmp_path, monkeypatch, capsys):
    cells, _ = make_cells(["data=synthetic", "trainer=smoke", "model=mlp", "seed=0,1"])
    monkeypatch.setattr(plan, "_minutes", lambda *_: minutes)
    plan.print_plan(cells, SweepFolder(tmp_path / "sweep"), torch.device("cpu"), Console(), retry=False)
    assert f"{words} for 2 of 2 to do" in capsys.readouterr().out


def test_an_estimate_is_by_the_same_net_where_there_is_one():
    (cell,), _ = make_cells(["data=synthetic", "trainer=smoke", "model=mlp"])
    like = {"precision": cell.facts["precision"], "config": cell.config.values, "images_per_second": 10.0}
    like["is_trial"] = True
    other = like | {"choices": {"model": "lenet"}, "macs": cell.facts["macs"]}
    same = like | {"choices": cell.config.choices, "macs": 2 * cell.facts["macs"]}
    assert _minutes(cell, [other, same]) == _minutes(cell, [same]) == _minutes(cell, [other]) / 2


def test_an_estimate_is_by_runs_that_were_alone_on_this_device(finished, tmp_path):
    (cell, *_), _ = make_cells(SMALL)
    record = read_record(finished / cell.name)
    changed = {"own": {}, "shared": {"slots": 2}, "gpu": {"device": "cuda"}, "failed": {"status": "failed"}}
    for name, values in changed.items():
        (tmp_path / "sweep" / name).mkdir(parents=True)
        write_record(tmp_path / "sweep" / name, record | values)
    found = list(plan._finished(tmp_path, record["device"]))
    assert found == [read_record(tmp_path / "sweep" / "own") | {"is_trial": True}]


def planned(overrides, tmp_path):
    """Return cells, and the folder of a sweep that has them."""
    cells, _ = make_cells(overrides)
    folder = SweepFolder(tmp_path)
    folder.add(cells)
    return cells, folder


def complete(cell, folder, **more):
    record = {"status": "completed", "choices": cell.config.choices, "config": cell.config.values, **cell.facts}
    record |= {"metrics": {"test/acc": 0.5}, "seconds": {"total": 1.0, "per_epoch": 1.0}}
    (folder.path / cell.name).mkdir()
    write_record(folder.path / cell.name, record | more)


def test_a_disk_that_is_too_small_for_all_checkpoints_is_told_before(tmp_path, monkeypatch):
    cells, folder = planned(["model=mlp", "seed=0,1"], tmp_path)  # 24 bytes for each of 203,530 parameters, twice
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9_000_000))
    (note,) = full_disk(cells, folder)
    assert note.startswith("the checkpoints of these cells may take 0.0 GiB, and 0.0 GiB are free; ")
    kept = folder.path / cells[0].name / "checkpoints" / "last.ckpt"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(bytes(800_000))
    assert not list(full_disk(cells, folder))


def test_an_edit_of_a_yaml_file_is_told_with_both_values(tmp_path):
    """Of completed cells, until the edited ones are completed, too."""
    before, folder = planned([*SMALL[:-2], "model=mlp", "seed=0,1"], tmp_path)
    complete(before[0], folder)
    values = before[0].config.values
    lr = {"optimizer": values["optimizer"] | {"lr": 0.5}}
    edited = [replace(cell, config=replace(cell.config, values=cell.config.values | lr)) for cell in before]
    edited = [replace(cell, overrides=(*reversed(cell.overrides), "pictures=true")) for cell in edited]  # the same
    assert edited[0].name != before[0].name
    said = f"1 completed here with optimizer.lr={values['optimizer']['lr']}, now optimizer.lr=0.5; conf/ was edited, "
    assert list(edited_values(edited, folder)) == [f"{said}and what it says now is trained beside them"]
    assert list(edited_values(before, folder)) == []
    complete(edited[0], folder)
    assert list(edited_values(edited, folder)) == []
    folder.know(edited)
    assert [row["settings"] for row in folder.rows()] == [
        *2 * [f"optimizer.lr={values['optimizer']['lr']}"],
        *2 * ["optimizer.lr=0.5"],
    ]


def test_an_edit_of_the_protocol_is_told_as_others_are(tmp_path):
    """It has no dot in its name, and a column of its own in reports, but none in a sweep's table."""
    before, folder = planned([*SMALL[:-2], "model=mlp", "seed=0"], tmp_path)
    complete(before[0], folder)
    (cell,) = before
    new = replace(cell, config=replace(cell.config, values=cell.config.values | {"protocol": "course"}))
    (note,) = edited_values([new], folder)
    assert note.startswith("1 completed here with protocol=holdout, now protocol=course; conf/ was edited")
    folder.know([new])
    assert [row["settings"] for row in folder.rows()] == ["protocol=holdout", "protocol=course"]


def test_a_key_that_is_new_in_a_yaml_file_is_told(tmp_path):
    before, folder = planned([*SMALL[:-2], "model=mlp", "seed=0"], tmp_path)
    complete(before[0], folder)
    model = {"model": before[0].config.values["model"] | {"shiny": True}}
    (cell,) = before
    new = replace(cell, config=replace(cell.config, values=cell.config.values | model))
    (note,) = edited_values([new], folder)
    assert note.startswith("1 completed here with no model.shiny, now model.shiny=true; conf/ was edited")


def test_completed_runs_that_no_grid_asked_for_are_counted(tmp_path):
    (first, second), folder = planned([*SMALL[:-2], "model=mlp", "seed=0,1"], tmp_path)
    complete(first, folder)
    complete(second, folder)
    del folder.cells[first.name]
    said = f"1 completed run in {tmp_path} of grids that its sweep.json does not have: "
    assert list(strays([second], folder)) == [f"{said}no table here shows them until their grid is typed"]
    assert list(strays([first], folder)) == []


def test_a_cell_that_two_experiments_share_belongs_to_each(tmp_path):
    cells, folder = planned([*SMALL[:-2], "model=mlp", "seed=0,1"], tmp_path / "a")
    for cell in cells:
        complete(cell, folder)
    assert done_elsewhere(cells, tmp_path / "b").startswith("2 of these cells are completed in")
    record = read_record(folder.path / cells[0].name)
    write_record(folder.path / cells[0].name, record | {"choices": record["choices"] | {"experiment": "question"}})
    assert done_elsewhere(cells, tmp_path / "b").startswith("1 of these cells is completed in")


def test_nets_of_other_sizes_are_not_pooled(tmp_path):
    """A class was edited between two seeds."""
    cells, folder = planned([*SMALL[:-2], "model=mlp", "seed=0,1"], tmp_path)
    for cell in cells:
        complete(cell, folder)
    assert [row["seeds"] for row in pool(folder.rows())] == ["2/2"]
    record = read_record(tmp_path / cells[1].name)
    write_record(tmp_path / cells[1].name, record | {"params": 7})
    assert [(row["seeds"], row["params"]) for row in pool(folder.rows())] == [("1/1", record["params"]), ("1/1", 7)]


def test_a_launcher_is_given_the_folder_of_each_cell(in_tmp, capsys):
    given = []
    overrides = ["data=synthetic", "trainer=smoke", "model=mlp", "sweep.name=mine"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("sweep", overrides, return_hydra_config=True)
    launcher = SimpleNamespace(launch=lambda jobs, first: given.extend(jobs))
    with pytest.raises(SystemExit) as exited:
        sweep(config, {}, [*overrides, "seed=3,4"], lambda: launcher)
    assert exited.value.code == 1  # because it ran nothing
    folder = SweepFolder(Path("outputs/mine"))
    assert given == [
        [
            *cell["overrides"],
            f"hydra.sweep.dir={quoted(str(in_tmp / 'outputs' / 'mine'))}",
            f"hydra.sweep.subdir={name}",
        ]
        for name, cell in folder.cells.items()
    ]
    assert len(given) == 2


def test_of_a_traceback_the_screen_has_the_last_line(tmp_path):
    (cell,), folder = planned(["data=synthetic", "trainer=smoke", "model=mlp"], tmp_path)
    folder.fail(cell, f"{screen.TRACEBACK}\n  File x\nValueError: broken")
    assert screen._outcome(cell, folder).startswith("failed: ValueError: broken\n")
    folder.fail(cell, "no room\nmake some")
    assert screen._outcome(cell, folder).startswith("failed: no room; make some\n")


def test_a_cell_that_dies_before_its_first_record_is_pooled_with_the_seeds_that_are_completed(tmp_path):
    (cell,), folder = planned(["data=synthetic", "trainer=smoke", "model=mlp"], tmp_path)
    folder.fail(cell, "killed")
    (row,) = read_runs([tmp_path])
    assert (row["status"], row["protocol"]) == ("failed", "holdout")


def test_a_gpu_that_no_cell_uses_is_said(monkeypatch, capsys):
    monkeypatch.setattr("cnnzoo.training.device.useless_gpu", lambda: "it is too old")
    for accelerator, notes in (("auto", 1), ("cpu", 0)):
        cells, _ = make_cells(["data=synthetic", "model=mlp", f"trainer.accelerator={accelerator}"])
        assert driver._device(cells) == torch.device("cpu")
        assert capsys.readouterr().out.count("note: on the CPU and not the GPU; it is too old") == notes


def test_the_minutes_of_a_cell_follow_from_the_speed_of_one_like_it():
    (cell,), _ = make_cells(["data=synthetic", "data.num_train=600", "data.num_test=100", "trainer=smoke", "model=mlp"])
    like = {"precision": cell.facts["precision"], "choices": cell.config.choices, "config": cell.config.values}
    like |= {"macs": 2 * cell.facts["macs"], "is_trial": True}
    # In each of 2 epochs 4 batches of 16 to train on, and 2 for validation; 2 to test on; those count as a third.
    images = 2 * 4 * 16 + (2 * 2 * 16 + 2 * 16) / 3
    assert _minutes(cell, [like | {"images_per_second": 10.0}]) == pytest.approx(images / 20 / 60)
    left = 1 * 4 * 16 + (2 * 2 * 16 + 2 * 16) / 3
    assert _minutes(cell, [like | {"images_per_second": 10.0}], epochs=1) == pytest.approx(left / 20 / 60)
    assert _minutes(cell, [like | {"images_per_second": 10.0, "precision": "other"}]) is None
    batches = cell.config.values | {"data": {"batch_size": 128}}
    assert _minutes(cell, [like | {"images_per_second": 10.0, "config": batches}]) is None


def test_the_plan_asks_the_data_module_how_many_images_there_are(monkeypatch):
    """A data set of one's own has its numbers in its class, and none in its yaml."""
    few = ["trainer=smoke", *(f"trainer.limit_{stage}_batches=1.0" for stage in ("train", "val", "test"))]
    (cell,), _ = make_cells(["data=synthetic", "model=mlp", *few])
    sizes = {"train": 120_000, "val": 3_000, "test": 9_000}
    monkeypatch.setattr("cnnzoo.build.build_data", lambda _: SimpleNamespace(num_images=sizes))
    like = {"precision": cell.facts["precision"], "choices": cell.config.choices, "config": cell.config.values}
    like |= {"macs": cell.facts["macs"], "is_trial": False, "images_per_second": 10.0}
    assert _minutes(cell, [like]) == pytest.approx((2 * 120_000 + (2 * 3_000 + 9_000) / 3) / 10 / 60)


@pytest.mark.parametrize(("sizes", "is_trial"), [((600, 0, 100), False), ((48, 52, 100), True)])
def test_a_run_of_few_steps_is_a_trial(tmp_path, sizes, is_trial):
    """Under `protocol=course` its record counts no images for validation."""
    (cell,), _ = make_cells(["data=synthetic", "trainer=smoke", "trainer.limit_train_batches=1.0", "model=mlp"])
    facts = {"macs": 1, "images_per_second": 1.0, "precision": "32-true", "device": "cpu", "slots": 1}
    record = {"status": "completed", "choices": cell.config.choices, "config": cell.config.values, **facts}
    record |= {"metrics": {"test/acc": 0.5}, "seconds": {"total": 1.0}}
    record["data"] = dict(zip(("train", "val", "test"), sizes, strict=True))
    folder = tmp_path / "sweep" / "run"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(record))
    assert [run["is_trial"] for run in _finished(tmp_path, "cpu")] == [is_trial]


@pytest.mark.parametrize(
    ("visible", "expected"), [(None, ["0", "1"]), ("2,3", ["2", "3"]), ("GPU-a,GPU-b,GPU-c", ["GPU-a", "GPU-b"])]
)
def test_slots_are_the_gpus_that_may_be_used(visible, expected, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_90"])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda gpu: (7, 5))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = read_settings(compose("sweep", [], return_hydra_config=True))
    assert _choose_slots(torch.device("cuda", 0), settings) == (expected, 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda gpu: (9 - 3 * gpu, 0))
    assert _choose_slots(torch.device("cuda", 0), settings) == (expected[:1], 1)  # torch has no code for the second
    assert _choose_slots(torch.device("cpu"), settings) == ([], 1)


def test_cells_for_another_machine_are_planned_where_there_is_no_gpu(in_tmp, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    grid = [*SMALL, "trainer.precision=16-mixed", "sweep.name=jobs"]
    with pytest.raises(UserError, match="16-mixed needs a GPU"):
        run(*grid, "plan=true")
    assert run(*grid, "trainer.accelerator=gpu", "emit=jobs.txt") == 0
    assert len((in_tmp / "jobs.txt").read_text().splitlines()) == 4


def test_grids_are_run_one_after_the_other(in_tmp):
    with pytest.raises(UserError, match=r"is a grid of its own\ntype python sweep.py experiment=small_grid, then"):
        run("experiment=small_grid,inception_ladder", "plan=true")
    with pytest.raises(UserError, match="small_grid is a grid of its own"):
        run(*SMALL, "sweep.per_model={lenet: {experiment: small_grid}}", "plan=true")


def test_times_of_several_devices_are_not_averaged():
    row = dict.fromkeys(("model", "px", "optimizer", "settings", "stem", "params", "macs", "group"), 1)
    row |= {"status": "completed", "test_acc": 0.9, "images_per_second": 1, "peak_bytes": 1}
    rows = [row | {"seconds_per_epoch": seconds, "device": device} for seconds, device in ((5.0, "a"), (105.0, "b"))]
    assert [pool(each)[0]["seconds_per_epoch"] for each in (rows, rows[:1], [rows[0], rows[0]])] == [None, 5.0, 5.0]


def test_a_terminal_shows_how_far_the_cells_are_that_run(tmp_path):
    cells, _ = make_cells([*SMALL, "protocol=holdout,course", "seed=0", "model=mlp"])
    folder = SweepFolder(tmp_path)
    folder.add(cells)
    first, second = cells
    header = "epoch,step,train/loss,train/acc,val/loss,val/acc,lr,seconds,images_per_second"
    told = [_progress(first, folder)]
    (tmp_path / first.name).mkdir()
    for rows in ("1,4,2,0.5,2,0.256,0.1,1.5,9\n", "1,4,2,0.5,2,0.2,0.1,1,9\n2,8,2,0.5,2,0.3,0.1,2,9\n"):
        (tmp_path / first.name / "metrics.csv").write_text(f"{header}\n{rows}")
        told.append(_progress(first, folder))
    (tmp_path / second.name).mkdir()
    (tmp_path / second.name / "metrics.csv").write_text(f"{header.replace('val', 'test')}\n1,4,2,1,2,0.1,0.1,1,9\n")
    told.append(_progress(second, folder))
    (tmp_path / second.name / "metrics.csv").write_text("damaged")
    told.append(_progress(second, folder))
    assert told == [
        "epoch 1 of 2",
        "epoch 2 of 2, val acc 25.6%, 1.5 s an epoch",
        "testing, val acc 30.0%, 2.0 s an epoch",
        "epoch 2 of 2, test acc 10.0%, 1.0 s an epoch",
        "epoch 1 of 2",
    ]
    for is_terminal in (True, False):
        console = RunConsole(file=io.StringIO(), force_terminal=is_terminal, width=200, markup=False, highlight=False)
        with Screen(folder, console, 2) as shown_to:
            shown_to.show_work([first])
            shown_to.show_end(second)
        shown = console.file.getvalue()
        assert (f"at work: {first.name}  protocol=holdout  testing, val acc 30.0%" in shown) == is_terminal
        assert f"1/2  {second.name}  protocol=course  to do" in shown
    assert [row["status"] for row in summary(tmp_path)] == ["to do"] * 2


def test_a_sweep_goes_on_where_its_plan_is_damaged_meanwhile(finished, tmp_path, capsys):
    folder = SweepFolder(shutil.copytree(finished, tmp_path / "small"))
    name = next(iter(folder.cells))
    console = RunConsole(file=io.StringIO(), width=500, markup=False, highlight=False)
    with Screen(folder, console, 1) as shown_to:
        (folder.path / "sweep.json").write_text("{")
        shown_to.show_end(SimpleNamespace(name=name))
    assert f"1/1  {name}" in console.file.getvalue()
    assert "summary.csv is as it was: " in console.file.getvalue()
    cell_process.renew_summary(folder.path / name)
    assert "summary.csv is as it was: " in capsys.readouterr().err


def test_a_sweep_goes_on_where_its_summary_cannot_be_written(finished, tmp_path, monkeypatch):
    def full_disk():
        raise OSError(errno.ENOSPC, "no room")

    folder = SweepFolder(shutil.copytree(finished, tmp_path / "small"))
    name = next(iter(folder.cells))
    console = RunConsole(file=io.StringIO(), width=500, markup=False, highlight=False)
    with Screen(folder, console, 1) as shown_to:
        monkeypatch.setattr(folder, "write_summary", full_disk)
        shown_to.show_end(SimpleNamespace(name=name))
    assert f"note: cannot write {folder.path / 'summary.csv'}: no room" in console.file.getvalue()


@pytest.mark.parametrize("more", [(), (errno.ENOENT, "no such file", "images of one's own")])
def test_a_file_of_somebody_elses_that_is_lost_is_no_folder_that_cannot_be_written(more, tmp_path):
    with pytest.raises(FileNotFoundError), driver._what_cannot_be_written(tmp_path / "small"):
        raise FileNotFoundError(*more)


def test_one_sweep_is_for_one_kind_of_device(in_tmp, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert run(*SMALL, "trainer.accelerator=gpu,cpu", "plan=true") == 0
    assert "4 n/a, 4 to do" in capsys.readouterr().out
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda gpu: (9, 0))
    with pytest.raises(UserError, match="a sweep is for one kind of device"):
        run(*SMALL, "trainer.accelerator=gpu,cpu", "trainer.precision=32-true", "plan=true")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["hydra.sweep.dir=/dev/null/x"], "cannot write to /dev/null/x: Not a directory"),
        (["hydra.sweep.dir=a_file"], "cannot write to a_file: File exists"),
        (["hydra.sweep.dir=/proc/x"], "cannot write to /proc/x: No such file"),
        (["hydra.sweep.dir=/proc/x/y"], "cannot write to /proc/x: No such file"),
        (["emit=no/such/folder/jobs.txt"], "no/such/folder/jobs.txt cannot be written"),
        (["emit=jobs.txt", "trainer.accelerator=cpu", "trainer.precision=16-mixed"], "16-mixed needs a GPU"),
        (["emit=jobs.txt", "sweep.slots=2"], "for cells that this command runs itself"),
        (["emit=jobs.txt", "sweep.timeout=2"], "for cells that this command runs itself"),
    ],
)
def test_what_cannot_be_written_is_answered_in_words(arguments, words, in_tmp):
    (in_tmp / "a_file").touch()
    with pytest.raises(UserError, match=words):
        run(*SMALL, *arguments)
    assert [path.name for path in in_tmp.iterdir()] == ["a_file"]


def test_the_command_to_go_on_names_the_folder_of_a_fresh_sweep(monkeypatch, tmp_path):
    folder = SweepFolder(tmp_path / "small-2")
    monkeypatch.setattr("sys.argv", ["sweep.py", "model=mlp", "fresh=true", "sweep.name=small"])
    assert _again(folder) == f"python sweep.py model=mlp hydra.sweep.dir={tmp_path}/small-2"
    monkeypatch.setattr("sys.argv", ["sweep.py", "model=mlp"])
    assert _again(folder) == "python sweep.py model=mlp"
    monkeypatch.setattr("sys.argv", ["sweep.py", "fresh=true"])
    assert shlex.split(_again(SweepFolder(Path("lr=1-2")))) == ["python", "sweep.py", "hydra.sweep.dir='lr=1-2'"]
    monkeypatch.setattr("sys.argv", ["sweep.py", "++fresh=true", "hydra.sweep.dir=small", "seed=0,1"])
    assert _again(folder) == f"python sweep.py seed=0,1 hydra.sweep.dir={tmp_path}/small-2"
    for key in ("hydra.sweep.dir", "sweep.name"):
        monkeypatch.setattr("sys.argv", ["sweep.py", f"{key}=${{now:%H-%M-%S}}", "seed=0,1"])  # another one soon
        assert _again(folder) == f"python sweep.py seed=0,1 hydra.sweep.dir={tmp_path}/small-2"


@pytest.mark.parametrize("sizes", ["120,240", "240,120"])
def test_images_that_are_not_what_their_class_says_end_a_sweep_before_its_first_cell(sizes, in_tmp, monkeypatch):
    def load(data):
        images = make_synthetic(data.num_train, data.num_test)
        return replace(images, pixels=images.pixels / 255) if data.num_train == 240 else images

    monkeypatch.setattr(SyntheticDataModule, "load", load)
    with pytest.raises(UserError, match=r"pixels are to be torch\.uint8"):
        run(*SMALL, f"data.num_train={sizes}", "data.batch_size=16")
    assert not list(in_tmp.rglob("run.json"))


def test_images_are_looked_at_once_however_they_are_used(monkeypatch):
    loaded = []
    monkeypatch.setattr(SyntheticDataModule, "load_checked", lambda data: loaded.append(data.num_train))
    grid = ["data=synthetic", "data.resize=28,32", "data.batch_size=16,32", "data.augment=none,flip", "model=lenet,mlp"]
    cells, _ = make_cells([*grid, "data.num_train=240,480"])
    driver._fetch_data(cells)
    assert sorted(loaded) == [240, 480]


def test_a_completed_cell_is_exported_by_the_same_command_once_more_and_needs_no_data(finished, monkeypatch, capsys):
    monkeypatch.chdir(finished.parents[1])
    fetched = []
    monkeypatch.setattr(driver, "_fetch_data", fetched.extend)
    assert run(*SMALL[:-2], "model=mlp", "seed=0", "sweep.name=small", "export=onnx") == 0
    assert [path.parent.name[:16] for path in finished.glob("*/model.onnx")] == ["mlp-28-adamw-s0-"]
    assert fetched == []
    capsys.readouterr()
    assert run(*SMALL[:-2], "model=mlp", "seed=0,1", "sweep.name=small", "export=onnx", "plan=true") == 0
    assert "1 completed, 1 to export" in capsys.readouterr().out
    cells, _ = make_cells([*SMALL[:-2], "model=mlp", "seed=0,1", "export=onnx"])
    assert [cell.config.values["seed"] for cell in cells_to_do(cells, SweepFolder(finished), retry=False)] == [1]


def test_a_plan_that_another_sweep_has_added_to_is_kept(finished, tmp_path):
    (tmp_path / "sweep.json").write_bytes((finished / "sweep.json").read_bytes())
    first, second = SweepFolder(tmp_path), SweepFolder(tmp_path)
    for folder, seed in ((first, 5), (second, 6)):
        folder.add(make_cells(["data=synthetic", "model=mlp", f"seed={seed}"])[0])
    assert {cell["seed"] for cell in SweepFolder(tmp_path).cells.values()} >= {0, 1, 5, 6}
    first.write_summary()  # as a cell does that was started before the second sweep
    assert {row["seed"] for row in summary(tmp_path)} >= {"5", "6"}


def test_seeds_are_pooled_of_one_model_only():
    """`model.norm=batch` makes `lenet` the same net as `lenet_bn`, which does not make their cells the same."""
    grid = ["data=synthetic", "model=lenet,lenet_bn", "model.norm=none,batch", "optimizer.lr=0.1", "seed=0,1,2"]
    cells, _ = make_cells(grid)
    rows = [
        {"model": cell.config.choices["model"], "group": cell.group, "status": "completed", "settings": ""}
        | dict.fromkeys(("px", "optimizer", "stem", "params", "macs", "seconds_per_epoch", "images_per_second"))
        | {"peak_bytes": None, "test_acc": seed / 10, "seed": seed, "device": "cpu"}
        for cell in cells
        for seed in (cell.config.values["seed"],)
    ]
    assert len({row["group"] for row in rows}) < 4
    assert [row["seeds"] for row in pool(rows)] == ["3/3"] * 4
    for row in pool(rows):
        assert (row["test_acc"].mean, row["test_acc"].deviation) == (pytest.approx(0.1), pytest.approx(0.1))


def test_the_command_itself(in_tmp):
    def command(*arguments):
        return subprocess.run([sys.executable, str(ROOT / "sweep.py"), *arguments], capture_output=True, text=True)

    done = command("-m", "model=mlp", "data=synthetic", "trainer=smoke", "data.num_train=600", "sweep.name=one")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 completed; outputs/one/summary.csv, summary.md" in done.stdout
    assert json.loads((in_tmp / "outputs" / "one" / "sweep.json").read_text())["cells"]
    assert {path.name for path in in_tmp.iterdir()} == {"outputs"}


def test_what_ends_a_run_passes_from_one_process_to_another():
    ended = pickle.loads(pickle.dumps(RunEnded("diverged", "by step 3")))
    assert (type(ended), ended.status, str(ended)) == (RunEnded, "diverged", "by step 3")


def test_jobs_that_outlive_a_launcher_are_waited_for(finished, capsys, monkeypatch):
    """Such as where one of submitit's is killed: it then looks at no other."""
    looks, cell = [True, True, False], SimpleNamespace(name="a", overrides=())
    monkeypatch.setattr(driver, "is_locked", lambda folder: looks.pop(0))
    monkeypatch.setattr(driver.time, "sleep", lambda seconds: None)

    def launch(jobs, number):
        raise RuntimeError("job 7 has not produced any output")

    driver._hand_over([cell], SweepFolder(finished), SimpleNamespace(launch=launch))
    assert looks == []
    assert "SimpleNamespace: job 7 has not produced any output" in capsys.readouterr().err


@pytest.mark.slow
def test_a_launcher_of_hydra_fills_the_same_folder(in_tmp):
    grid = ["data=synthetic", "trainer=smoke", "data.num_train=600", "model=mlp", "seed=0,1", "sweep.name=jobs"]
    command = [sys.executable, str(ROOT / "sweep.py"), *grid]
    launched = [*command, "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"]
    done = subprocess.run(launched, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["status"] for row in summary(in_tmp / "outputs" / "jobs")] == ["completed"] * 2
    again = subprocess.run(launched, capture_output=True, text=True)
    assert "2 cells in outputs/jobs: 0 to do" in again.stdout


def test_a_completed_cell_is_not_put_back(tmp_path):
    (cell,), folder = planned([*SMALL[:-2], "model=mlp", "seed=0"], tmp_path)
    complete(cell, folder)
    folder.put_back(cell.name)
    assert folder.status(cell.name) == "completed"
    folder.fail(cell, "killed")
    folder.put_back(cell.name)
    assert folder.status(cell.name) == "preempted"


def test_a_cell_that_is_impossible_here_has_no_net_that_changed(tmp_path):
    cells, folder = planned([*SMALL[:4], "model=alexnet", "model.stem=paper", "data.resize=28,67"], tmp_path)
    complete(cells[0], folder, params=7)
    assert list(changed_nets(cells, folder)) == []


def test_only_a_completed_cell_is_to_export(tmp_path, capsys, monkeypatch):
    cells, folder = planned([*SMALL[:-2], "model=mlp", "seed=0,1,2", "export=onnx"], tmp_path / "sweep")
    complete(cells[0], folder)
    monkeypatch.setattr(plan, "_minutes", lambda *_: 1.0)
    plan.print_plan(cells, folder, torch.device("cpu"), Console(), retry=False)
    said = capsys.readouterr().out
    assert "1 to export, 2 to do" in said
    assert "for 2 of 2 to do" in said


def test_a_grid_whose_other_cells_are_impossible_is_finished(tmp_path):
    cells, folder = planned([*SMALL[:4], "model=alexnet", "model.stem=paper", "data.resize=28,67"], tmp_path)
    complete(cells[1], folder)
    _finish(cells, folder, None, Console())


def test_a_grid_that_lacks_an_export_is_not_finished(tmp_path):
    (cell,), folder = planned([*SMALL[:-2], "model=mlp", "seed=0", "export=onnx"], tmp_path)
    complete(cell, folder)
    with pytest.raises(SystemExit):
        _finish([cell], folder, None, Console())


@pytest.mark.parametrize("status", ["to do", "running", "preempted"])
def test_a_sweep_that_is_not_finished_says_how_to_go_on(status, tmp_path, capsys):
    (cell,), folder = planned([*SMALL[:-2], "model=mlp", "seed=0"], tmp_path)
    if status != "to do":
        complete(cell, folder, status=status)
    with pytest.raises(SystemExit) as exited:
        _finish([cell], folder, None, Console())
    assert exited.value.code == 1
    assert "to go on:  " in capsys.readouterr().out


def test_no_estimate_is_by_a_run_that_was_moved_or_shared_its_device(tmp_path):
    (cell, *_), folder = planned([*SMALL, "model=mlp"], tmp_path / "sweep")
    facts = {"images_per_second": 1.0, "device": "cpu", "slots": 1, "data": {"train": 600, "val": 0, "test": 100}}
    complete(cell, folder, **facts)
    assert len(list(_finished(tmp_path, "cpu"))) == 1
    record = read_record(folder.path / cell.name)
    for other in ({"device": "cuda", "slots": 1}, {"device": "cpu", "slots": 2}):
        write_record(folder.path / cell.name, record | {"earlier": [other]})
        assert list(_finished(tmp_path, "cpu")) == []


def test_an_estimate_is_the_median_of_the_nearest():
    (cell,), _ = make_cells([*SMALL[:-2], "model=mlp"])
    like = {"precision": cell.facts["precision"], "config": cell.config.values, "is_trial": True}
    like |= {"choices": cell.config.choices}
    near, far = (
        like | {"macs": times * cell.facts["macs"], "images_per_second": speed}
        for times, speed in ((1, 10.0), (4, 999.0))
    )
    alone = _minutes(cell, [near])
    assert _minutes(cell, [near, far, far]) == alone
    assert _minutes(cell, [near | {"images_per_second": speed} for speed in (1.0, 10.0, 1000.0)]) == alone


@pytest.mark.parametrize(
    ("laptop", "words"),
    [
        ("{exclude: 5}", r"sweep\.laptop\.exclude must be a list.* \(got 5\)"),
        ("{per_model: 5}", r"sweep\.laptop\.per_model must be overrides by model \(got 5\)"),
        ("{plan: true}", "sweep.laptop: 'plan' is nothing that cells can differ in"),
    ],
)
def test_what_is_wrong_with_a_budget_is_named_there(laptop, words, in_tmp):
    with pytest.raises(UserError, match=words):
        run("data=synthetic", "model=mlp", "budget=laptop", f"sweep.laptop={laptop}")
    assert list(in_tmp.iterdir()) == []


def test_a_plan_that_is_to_be_emitted_is_refused(in_tmp):
    with pytest.raises(UserError, match="plan=true and emit=FILE both run nothing"):
        run(*SMALL, "plan=true", "emit=jobs.txt")
    assert list(in_tmp.iterdir()) == []


def test_values_for_a_net_that_no_cell_has_are_told_of(in_tmp, capsys):
    assert run(*SMALL, "sweep.per_model={vgg16: {model.width: 0.5}}", "plan=true") == 0
    assert "note: sweep.per_model: no cell has model: vgg16\n" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["in a sweep", "by itself"])
def test_a_cell_whose_record_is_damaged_goes_on_from_its_checkpoints(how, finished, tmp_path, monkeypatch, capfd):
    folder = tmp_path / "outputs" / "small"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(tmp_path)
    (run_dir,) = folder.glob("mlp-28-adamw-s0-*")
    before = read_record(run_dir)
    (run_dir / "run.json").write_text("{")
    if how == "in a sweep":
        assert run(*SMALL, "sweep.name=small") == 0
    else:
        run_planned(run_dir)
    assert (run_dir / "run.json.damaged").read_text() == "{"
    after = read_record(run_dir)
    assert (after["metrics"], after["from_step"]) == (before["metrics"], read_history(run_dir)[-1]["step"])
    assert "completed" in (folder / "summary.csv").read_text()


def test_a_damaged_record_of_a_failed_cell_is_kept(tmp_path):
    (cell,), folder = planned([*SMALL[:-2], "model=mlp", "seed=0"], tmp_path)
    run_dir = tmp_path / cell.name
    run_dir.mkdir()
    for text in ("{", "["):
        (run_dir / "run.json").write_text(text)
        folder.fail(cell, "killed")
    assert [(run_dir / f"run.json.damaged{more}").read_text() for more in ("", "-2")] == ["{", "["]
    assert folder.record(cell.name)["epochs"] == 0


def test_the_slots_that_are_typed_count():
    with initialize_config_dir(str(CONF), version_base="1.3"):
        settings = read_settings(compose("sweep", ["sweep.slots=3"], return_hydra_config=True))
    assert _choose_slots(torch.device("cpu"), settings) == ([], 3)


def test_retry_is_said_once(monkeypatch, tmp_path, capsys):
    (cell,), folder = planned([*SMALL[:-2], "model=mlp", "seed=0"], tmp_path)
    folder.fail(cell, "killed")
    monkeypatch.setattr("sys.argv", ["sweep.py", "model=mlp", "retry=failed"])
    with pytest.raises(SystemExit):
        _finish([cell], folder, None, Console())
    assert capsys.readouterr().out.endswith("again:  python sweep.py model=mlp retry=failed\n")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"checkpoint": {"every_minutes": 7}, "optimizer": {"lr": 0.5}}, "optimizer.lr=0.03, now optimizer.lr=0.5"),
        ({"trainer": {"precision": "32-true"}}, "trainer.precision=auto, now trainer.precision=32-true"),
    ],
)
def test_only_edits_that_tell_cells_apart_are_told(more, told, tmp_path):
    (before,), folder = planned([*SMALL[:-2], "model=lenet", "seed=0"], tmp_path)
    complete(before, folder)
    values = before.config.values
    new = values | {group: values[group] | each for group, each in more.items()}
    (note,) = edited_values([replace(before, config=replace(before.config, values=new))], folder)
    assert note.startswith(f"1 completed here with {told}; conf/ was edited")


def test_a_sweep_of_one_of_the_courses_nets_and_one_of_nothing_have_names():
    def name(*arguments):
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("sweep", list(arguments), return_hydra_config=True)
        return str(choose_folder(config, arguments))

    assert name("experiment=course/nin") == "outputs/course-nin"
    assert re.fullmatch("outputs/sweep-[0-9a-f]{8}", name())
