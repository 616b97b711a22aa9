"""Reports from runs on the disk, and the command that makes them."""

import csv
import errno
import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnnzoo.__main__ import main
from cnnzoo.record import read_record, write_record
from cnnzoo.report.make import make_report
from tests.report.runs import write_run
from tests.report.shown import note_lines, notes_of, table_of, tables


def test_several_folders_make_one_report(tmp_path):
    for model in ("lenet", "nin"):
        write_run(tmp_path / model / "run", model=model)
    rows = tables(make_report([tmp_path / "lenet", tmp_path / "nin"]))[0].rows
    assert [row["model"] for row in rows] == ["lenet", "nin"]


def test_below_every_table_stands_how_its_figures_were_made(tmp_path):
    write_run(tmp_path / "a")
    notes = notes_of(tmp_path)
    for words in (
        "protocol holdout",
        "epochs 2",
        "batch size 64",
        "device cpu",
        "torch 2.14.1",
        "sha256 train-images ffff",
    ):
        assert words in notes
    assert "commit 0123456789;" in notes
    assert "2026-11-22" in notes


def test_notes_begin_with_what_a_reader_needs(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"lenet-{seed}", seed=seed)
        write_run(tmp_path / f"nin-{seed}", model="nin", seed=seed, params=200_000)
    lines = note_lines(make_report([tmp_path], baseline="lenet"))
    starts = ("px: height", "compared with", "protocol", "data fashion_mnist", "epochs 2;", f"from {tmp_path}; 2026")
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=False)] == [True] * len(starts)


def test_a_legend_says_what_the_columns_mean_that_are_there(tmp_path):
    def legend(**options):
        return note_lines(make_report([tmp_path], **options))[0]

    for model in ("lenet", "nin"):
        write_run(tmp_path / model, model=model)
    assert "MACs (M): multiply-adds" in legend()
    assert "saved" not in legend()
    assert "±" not in legend()
    write_run(tmp_path / "lenet-1", seed=1)
    assert "±: standard deviation over seeds" in legend()
    assert (
        "time saved, parameters saved, MACs saved: share of the baseline (of time: s/epoch times epochs) that is saved"
        in legend(baseline="lenet")
    )
    assert "px: " not in legend(rows=["model"], pivot="seed")
    assert "MACs (M): multiply-adds" in legend(rows=["model"], pivot="seed")
    assert "节省参数、节省乘加：节省量占基准的比例" in legend(baseline="lenet", language="zh")


def test_a_title_names_a_few_nets_and_counts_more(tmp_path):
    def title(*models, language="en"):
        return make_report([tmp_path / model for model in models], language=language).title

    for model in ("lenet", "nin", "mlp", "vgg11", "resnet18"):
        write_run(tmp_path / model, model=model)
    assert title("lenet", "nin", "mlp", "vgg11") == "lenet, nin, mlp, vgg11 on Fashion-MNIST"
    assert title("lenet", "nin", "mlp", "vgg11", "resnet18") == "5 nets on Fashion-MNIST"
    assert title("nin", "mlp", language="zh") == "Fashion-MNIST 上的 nin、mlp"


def test_the_sizes_of_nets_stand_without_what_makes_no_other_net(tmp_path):
    def titles():
        return [column.title for column in tables(make_report([tmp_path]))[1].columns]

    write_run(tmp_path / "a")
    write_run(tmp_path / "b", model="nin", **{"trainer.max_epochs": 5})
    assert "epochs" not in titles()
    write_run(tmp_path / "c", **{"trainer.max_epochs": 5})  # which could not be told from the first
    assert "epochs" in titles()


def test_runs_of_a_row_that_are_far_apart_are_told(tmp_path):
    for seed, (acc, seconds) in enumerate(((0.9, 10.0), (0.86, 14.0))):
        write_run(tmp_path / f"near-{seed}", seed=seed, acc=acc, seconds=seconds)
        write_run(tmp_path / f"far-{seed}", model="mlp", seed=seed, acc=acc - 0.1 * seed, seconds=seconds + 4 * seed)
    for seed, optimizer in enumerate(("adamw", "sgd")):  # in one row, and not for their seeds
        write_run(tmp_path / optimizer, model="nin", seed=seed, acc=0.1 + 0.8 * seed, optimizer=optimizer)
    notes = notes_of(tmp_path, rows=["model"])
    assert "far apart within a row, as where other work ran beside some runs: mlp 10.0 s to 18.0 s." in notes
    assert "Seeds are far apart, look at them one by one: mlp 76.00% to 90.00%." in notes
    assert "请逐个查看：mlp 76.00% 至 90.00%。" in notes_of(tmp_path, rows=["model"], language="zh")


def test_a_terminal_gets_the_columns_of_a_report_that_it_has_room_for(tmp_path, monkeypatch, capsys):
    for model in ("lenet", "googlenet"):
        write_run(tmp_path / model, model=model)
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    main(["report", str(tmp_path)])
    shown = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    lines = [line for line in shown.splitlines() if line.startswith(("model", "lenet", "googlenet"))]
    assert len(lines) == 6
    assert max(map(len, lines)) <= 50
    assert "90.00%" in lines[1]
    assert "no room for: images/s, peak MiB\n" in shown
    main(["report", str(tmp_path), "--format", "md"])
    assert "| images/s | peak MiB |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({}, ()),
        ({"trainer.limit_train_batches": 80}, ("An epoch was of a part of the training images",)),
        ({"trainer.limit_test_batches": 0.5}, ("Test accuracies are of a part",)),
    ],
)
def test_that_images_were_left_out_is_told(limits, said, tmp_path):
    write_run(tmp_path / "a", **limits)
    notes = notes_of(tmp_path)
    told = [
        words
        for words in ("An epoch was of a part of the training images", "Test accuracies are of a part")
        if words in notes
    ]
    assert told == [*said]
    assert "images, in some rows" not in notes
    write_run(tmp_path / "b", model="nin")
    assert ("images, in some rows" in notes_of(tmp_path)) is bool(said)


def test_the_notes_say_with_what_the_nets_were_trained(tmp_path):
    write_run(tmp_path / "a", **{"optimizer.lr": 0.01})
    write_run(tmp_path / "b", model="nin", **{"optimizer.lr": 0.003})
    assert "data fashion_mnist; optimizer adamw; rate 0.01 / 0.003" in notes_of(tmp_path)
    assert [row["rate"] for row in table_of(tmp_path)] == ["0.01", "0.003"]
    shutil.rmtree(tmp_path / "b")
    assert "rate" not in table_of(tmp_path)[0]
    assert table_of(tmp_path, rows=["model", "optimizer.lr"])[0]["rate"] == "0.01"  # it was asked for


def test_a_thousand_runs_take_about_a_second_and_no_torch(tmp_path):
    for number in range(1000):
        write_run(tmp_path / f"{number}", model=f"net{number // 50}", px=28 + number // 10 % 5, seed=number % 10)
    start = time.process_time()
    assert len(table_of(tmp_path)) == 100
    assert time.process_time() - start < 3  # the command takes half a second alone; other machines are slower, and busy
    code = f"import sys; from cnnzoo.__main__ import main; main(['report', {str(tmp_path)!r}]); "
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


def test_the_options_of_the_command_do_what_they_say(in_tmp, capsys):
    for number, model in enumerate(("lenet", "nin")):
        write_run(in_tmp / "runs" / model, model=model, acc=0.9 - number / 10)

    def said(*options):
        main(["report", "runs", *options])
        return capsys.readouterr().out

    rows = list(csv.DictReader(io.StringIO(said("--format", "csv", "--at-least", "0.85", "--course"))))
    assert [(row["model"], row["enough"], row["course_en"]) for row in rows] == [
        ("lenet", "True", "0.728"),
        ("nin", "False", "0.865"),
    ]
    assert "-10.00" in said("--baseline", "lenet").replace("−", "-")
    assert r"\begin{tabular}" in said("--format", "latex")
    assert "测试准确率" in said("--lang", "zh")
    assert "test acc / model\n\n|  px |  lenet |    nin |" in said("--columns", "model", "--rows", "data.resize")
    assert not any(in_tmp.glob("runs/report*"))
    said("--format", "html", "--lang", "zh")
    assert '<html lang="zh">' in (in_tmp / "runs" / "report" / "report.html").read_text()
    assert said("--at-least", "85") == said("--at-least", "85%") == said("--at-least", "0.85")
    said("--save", "here")
    assert {path.suffix for path in (in_tmp / "here" / "figures").iterdir()} == {".svg", ".pdf", ".png"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no folder nothing"),
        (["."], "no runs in ."),
        (["runs", "--at-least", "850"], "argument --at-least: must be an accuracy, such as 0.85 or 85% (got '850')"),
        (["runs", "--at-least", "high"], "argument --at-least: must be an accuracy, such as 0.85 or 85%"),
        (["runs", "--baseline", "vgg"], "no row 'vgg'"),
        (["runs", "--rows", "modle"], "unknown key 'modle'"),
        (["runs", "--columns", "data.size"], "unknown key 'data.size'"),
        (
            ["runs", "--columns", "model,data.resize"],
            "--columns takes one key (got 'model,data.resize')\ntype for example --rows model --columns data.resize",
        ),
        (["runs", "--columns", "test_acc"], "unknown key 'test_acc'"),
        (["runs", "--rows", "model, versions"], "unknown key 'versions'"),
        (["runs", "--columns", "model", "--baseline", "lenet"], "--columns cannot be combined with"),
        (["runs", "--save", "/proc/x"], "cannot write to /proc/x"),
        (["runs", "--save", "report.html"], "argument --save: report.html is to be a folder; leave .html out"),
        (["runs", "--baseline", ""], "argument --baseline: it is empty"),
        (["runs", "--columns", ""], "argument --columns: it is empty"),
        (["runs", ""], "argument FOLDER: the name of a folder is missing"),
        (["a_file"], "no folder a_file"),
        (["runs", "--save", "a_file"], "argument --save: a_file is a file, and no folder"),
        (["runs", "--columns", "px"], "unknown key 'px'; did you mean data.resize?"),
    ],
)
def test_mistakes_are_answered_in_words(arguments, words, in_tmp, capsys):
    (in_tmp / "empty").mkdir()
    (in_tmp / "a_file").touch()
    if arguments[0] == "runs":
        write_run(in_tmp / "runs" / "a")
    with pytest.raises(SystemExit) as exited:
        main(["report", *arguments])
    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {words}")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"config": {}}, "its config has no data.batch_size"),
        ({"metrics": "good"}, "metrics is not what it is in a run"),
        ({"earlier": "yesterday"}, "earlier is not what it is in a run"),
        ({"macs": "many"}, "macs is not what it is in a run"),
        ({"started": 5}, "started is not what it is in a run"),
    ],
)
def test_a_damaged_record_is_named(more, words, in_tmp, capsys):
    write_run(in_tmp / "a")
    write_record(in_tmp / "a", read_record(in_tmp / "a") | more)
    with pytest.raises(SystemExit):
        main(["report", "."])
    assert f"run.json is damaged: {words}\nmend it, or move its folder away" in capsys.readouterr().err


def test_a_folder_that_may_not_be_read_is_named(in_tmp, monkeypatch, capsys):
    def read(folder):
        if Path(folder).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return list_folder(folder)

    list_folder = os.scandir
    write_run(in_tmp / "runs" / "a")
    (in_tmp / "runs" / "locked").mkdir()
    monkeypatch.setattr(os, "scandir", read)
    main(["report", "runs"])
    shown = capsys.readouterr()
    assert "lenet" in shown.out
    assert "note: runs/locked is left out: Permission denied" in shown.err


def test_runs_may_be_in_a_folder_called_checkpoints(tmp_path):
    write_run(tmp_path / "checkpoints" / "a")
    write_run(tmp_path / "checkpoints" / "a" / "checkpoints" / "b")  # where no run is looked for
    assert [row["seeds"] for row in table_of(tmp_path)] == ["1/1"]


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", ["\N{MINUS SIGN}10.00*", "✗", "≥ threshold", "✓"]),
        ("gbk", ["-10.00*", "no", "≥ threshold", "yes"]),
        ("ascii", ["-10.00*", "no", ">= threshold", "yes"]),
    ],
)
def test_a_terminal_without_a_sign_has_ascii_for_it(encoding, shown, tmp_path):
    for model, acc in (("lenet", 0.9), ("nin", 0.8)):
        write_run(tmp_path / model, model=model, acc=acc)
    command = [sys.executable, "-m", "cnnzoo", "report", str(tmp_path), "--baseline", "lenet", "--at-least", "0.85"]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    table = [[cell.strip() for cell in line.split("|")] for line in done.stdout.decode(encoding).splitlines()]
    assert {*shown} <= {cell for line in table for cell in line}


def test_figures_that_cannot_be_drawn_are_not_blamed_on_the_folder(in_tmp, capsys):
    folder = write_run(in_tmp / "runs" / "a")
    (folder / "metrics.csv").write_bytes((folder / "metrics.csv").read_bytes() + b"x" * 200_000)
    with pytest.raises(SystemExit):
        main(["report", "runs", "--save", "saved"])
    assert "metrics.csv is damaged" in capsys.readouterr().err


def test_a_folder_whose_name_is_no_text_has_a_report(in_tmp):
    name = os.fsdecode(b"a\xff")
    write_run(in_tmp / name / "run")
    main(["report", name, "--save", "saved"])
    assert "lenet" in (in_tmp / "saved" / "report.md").read_text()
