"""Reports from runs on the disk: what is pooled, compared, said and drawn."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import matplotlib.figure
import pytest
from matplotlib.text import Text

from cnnzoo.__main__ import main
from cnnzoo.checks import changes
from cnnzoo.choices import CONF, options
from cnnzoo.errors import UserError
from cnnzoo.record import read_record, write_record
from cnnzoo.report.columns import percent
from cnnzoo.report.course import add_figures, other_nets
from cnnzoo.report.document import Document, Figure, Notes, Paragraph, Table
from cnnzoo.report.figures import draw_curves, draw_parameters, draw_trade_off, front
from cnnzoo.report.make import make_report
from cnnzoo.report.page import page
from cnnzoo.report.pool import Spread, labels_of
from cnnzoo.report.runs import read_runs
from cnnzoo.report.save import render, save
from cnnzoo.report.style import INK
from cnnzoo.report.tables import Column, texts
from cnnzoo.report.texts import say
from tests.composed import compose_config
from tests.report.runs import write_plan, write_run


def tables(document):
    return [block for block in document.blocks if isinstance(block, Table)]


def cells(document):
    return {cell for table in tables(document) for line in texts(table.columns, table.rows) for cell in line if cell}


def table_of(folder, **options):
    """Return the first two tables of a report, side by side, as dicts of their texts by column title."""
    rows = []
    for table in tables(make_report([folder], **options))[:2]:
        titles = [column.title for column in table.columns]
        lines = [dict(zip(titles, line, strict=True)) for line in texts(table.columns, table.rows)]
        rows = [first | second for first, second in zip(rows, lines, strict=True)] if rows else lines
    return rows


def notes_of(folder, **options):
    return "; ".join(note_lines(make_report([folder], **options)))


def paragraphs(folder, **options):
    return [block.text for block in make_report([folder], **options).blocks if isinstance(block, Paragraph)]


def note_lines(document):
    (notes,) = (block for block in document.blocks if isinstance(block, Notes))
    return notes.lines


def test_seeds_are_pooled_and_the_spread_is_that_of_the_sample(tmp_path):
    for seed, acc in enumerate((0.90, 0.91, 0.92)):
        write_run(tmp_path / f"{seed}", seed=seed, acc=acc)
    (row,) = table_of(tmp_path)
    assert (row["test acc"], row["val acc"], row["seeds"]) == ("91.00% ± 1.00", "92.00% ± 1.00", "3/3")
    assert (row["parameters"], row["conv"], row["dense"]) == ("60,000", "25.0%", "50.0%")
    assert (row["structure"], row["MACs (M)"], row["s/epoch"], row["peak MiB"]) == (
        "5 conv + 3 dense",
        "0.6",
        "10.0",
        "1,024",
    )


def test_one_seed_has_no_spread(tmp_path):
    write_run(tmp_path / "a", acc=0.9)
    assert table_of(tmp_path)[0]["test acc"] == "90.00%"


def test_a_run_that_repeats_another_counts_once(tmp_path):
    write_run(tmp_path / "a", acc=0.9)
    write_run(tmp_path / "b", acc=0.9)
    write_run(tmp_path / "c", acc=0.9, status="failed")
    (row,) = table_of(tmp_path)
    assert (row["seeds"], row["test acc"]) == ("1/1", "90.00%")
    assert "repeat another: 2" in notes_of(tmp_path)


def test_nets_of_one_name_and_other_sizes_do_not_repeat_each_other_and_are_told_of(tmp_path):
    for seed, params in ((0, 1_418), (0, 2_002), (1, 2_002)):  # a layer was added to the class
        write_run(tmp_path / f"{seed}-{params}", seed=seed, params=params)
    (row,) = table_of(tmp_path)
    assert (row["seeds"], "parameters" in row) == ("3/3", False)
    assert "repeat another" not in notes_of(tmp_path)
    assert "pooled over more than seeds: lenet (params, macs)" in notes_of(tmp_path)


def test_of_runs_that_repeat_each_other_the_newest_counts(tmp_path):
    for number, (day, acc) in enumerate((("21", 0.7), ("23", 0.8), ("22", 0.9))):
        folder = write_run(tmp_path / f"{number}", acc=acc)
        write_record(folder, read_record(folder) | {"started": f"2026-11-{day}T07:00:00+00:00"})
    assert table_of(tmp_path)[0]["test acc"] == "80.00%"


def test_runs_of_another_number_format_or_with_smoothed_labels_repeat_none(tmp_path):
    write_run(tmp_path / "a")
    smoothed, exact = (write_run(tmp_path / name) for name in "bc")
    record = read_record(smoothed)
    config, changed = record["config"] | {"label_smoothing": 0.1}, {"label_smoothing": 0.1}
    write_record(smoothed, record | {"config": config, "changed": changed})
    write_record(exact, read_record(exact) | {"precision": "32-true"})
    assert [(row["settings"], row["precision"]) for row in table_of(tmp_path)] == [
        ("", "bf16-mixed"),
        ("label_smoothing=0.1", "bf16-mixed"),
        ("", "32-true"),
    ]


def test_measurements_are_of_completed_runs_alone_and_each_stands_in_its_own_column(tmp_path):
    for seed, (seconds, status, size) in enumerate(
        ((10.0, "completed", 64), (90.0, "failed", 64), (10.0, "completed", 16))
    ):
        folder = write_run(tmp_path / f"{seed}", seed=seed, seconds=seconds, status=status)
        write_record(folder, read_record(folder) | {"micro_batch_size": size})
    whole, in_pieces = table_of(tmp_path)
    assert (whole["s/epoch"], whole["total s"], whole["images/s"]) == ("10.0", "20", "100")
    assert (whole["seeds"], in_pieces["seeds"]) == ("1/2", "1/1")
    assert (whole["pieces of a batch"], in_pieces["pieces of a batch"]) == ("1", "4")


@pytest.mark.parametrize(("other", "shown"), [(0.91, "(+1.00)"), (0.93, "+3.00")])
def test_a_change_is_compared_with_the_larger_spread(other, shown, tmp_path):
    """Of 90 % ± 1.41, and of the other, ± 0.14."""
    for seed in (0, 1):
        write_run(tmp_path / f"a{seed}", model="alexnet", seed=seed, acc=0.89 + 0.02 * seed)
        write_run(tmp_path / f"b{seed}", model="nin", seed=seed, acc=other - 0.001 + 0.002 * seed)
    assert [row["change (points)"] for row in table_of(tmp_path, baseline="alexnet")] == ["", shown]


def test_a_label_says_how_a_row_was_made_only_where_another_has_the_same_name():
    keys = ["model", "data.resize", "trainer.max_epochs", "device", "threads", "settings"]
    rows = [
        dict(zip(keys, values, strict=True))
        for values in (
            ("lenet", 28, 5, "cpu", 2, ""),
            ("nin", 28, 5, "cpu", 2, "width=0.5"),
            ("nin", 28, 10, "cpu", 2, "width=0.5"),
            ("nin", 28, 10, "cuda", 4, "width=0.5"),
            ("nin", 28, 10, "cuda", 8, "width=0.5"),
            ("nin", 96, 10, "cuda", 8, ""),
        )
    ]
    assert labels_of(rows, keys) == [
        "lenet 28",
        "nin 28 max_epochs=5 width=0.5",
        "nin 28 max_epochs=10 cpu width=0.5",
        "nin 28 max_epochs=10 cuda threads=4 width=0.5",
        "nin 28 max_epochs=10 cuda threads=8 width=0.5",
        "nin 96",
    ]
    assert labels_of(rows[:1], keys) == ["lenet"]
    assert labels_of(rows[2:5], ["device", "threads"]) == ["cpu", "cuda threads=4", "cuda threads=8"]
    four = [{"device": device, "threads": threads} for device in ("cpu", "cuda") for threads in (2, 4)]
    assert labels_of(four, ["device", "threads"]) == [f"{row['device']} threads={row['threads']}" for row in four]


def test_rows_are_told_apart_by_what_differs_and_by_nothing_that_follows_from_it(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", seed=1)
    write_run(tmp_path / "c", **{"model.width": 0.5})
    write_run(tmp_path / "d", px=96)
    write_run(tmp_path / "e", model="vgg11", **{"model.width": 0.25, "optimizer.lr": 0.2})
    rows = table_of(tmp_path)
    assert [(row["model"], row["px"], row["settings"]) for row in rows] == [
        *(
            ("lenet", "28", ""),
            ("lenet", "28", "width=0.5"),
            ("lenet", "96", ""),
            ("vgg11", "28", "width=0.25 optimizer.lr=0.2"),
        ),
    ]


def test_what_was_changed_everywhere_stands_below_and_epochs_in_a_column_where_they_differ(tmp_path):
    for model in ("lenet", "nin"):
        write_run(tmp_path / model, model=model, **{"model.width": 0.25, "trainer.limit_train_batches": 100})
    write_run(tmp_path / "x", model="mlp", **{"trainer.max_epochs": 30, "trainer.limit_train_batches": 100})
    rows = {row["model"]: row for row in table_of(tmp_path)}
    assert {model: (row["settings"], row["epochs"]) for model, row in rows.items()} == {
        "lenet": ("width=0.25", "2"),
        "nin": ("width=0.25", "2"),
        "mlp": ("", "30"),
    }
    assert "in all rows: limit_train_batches=100" in notes_of(tmp_path)


def test_a_device_that_was_chosen_is_the_same_as_one_that_was_found(tmp_path):
    write_run(tmp_path / "a", acc=0.8)
    write_run(tmp_path / "b", seed=1, acc=0.9, **{"trainer.accelerator": "cpu"})
    (row,) = table_of(tmp_path)
    assert (row["seeds"], row.get("settings", "")) == ("2/2", "")


def test_times_of_different_devices_are_not_averaged(tmp_path):
    write_run(tmp_path / "cpu", seconds=100.0)
    gpu = write_run(tmp_path / "gpu", seed=1, seconds=2.0)
    write_record(gpu, read_record(gpu) | {"device": "cuda (H100)"})
    assert [(row["device"], row["s/epoch"]) for row in table_of(tmp_path)] == [("cpu", "100.0"), ("cuda (H100)", "2.0")]


def test_rows_are_named_by_what_tells_them_apart(tmp_path):
    for number in (0, 1):
        write_run(tmp_path / f"{number}", **{"model.hidden": number})
        write_run(tmp_path / f"{number}x", px=96, **{"model.hidden": number})
    labels = [
        row["label"] for row in tables(make_report([tmp_path], rows=["model", "data.resize", "model.hidden"]))[0].rows
    ]
    assert labels == ["lenet 28 hidden=0", "lenet 96 hidden=0", "lenet 28 hidden=1", "lenet 96 hidden=1"]


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.65149, "65.1%"), (0.99974, "99.97%"), (1.0, "100.0%"), (0.0002, "0.02%"), (-0.2614, "−26.1%")],
)
def test_only_all_is_a_hundred_percent(share, text):
    assert percent(share) == text


def test_a_folder_with_other_runs_is_no_question(tmp_path):
    for px in (224, 96):
        write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution")
    assert make_report([tmp_path]).title.startswith("Question 2")
    write_run(tmp_path / "mine", model="vgg11", px=28)
    assert make_report([tmp_path]).title.startswith("Runs in")


def test_several_folders_make_one_report(tmp_path):
    for model in ("lenet", "nin"):
        write_run(tmp_path / model / "run", model=model)
    rows = tables(make_report([tmp_path / "lenet", tmp_path / "nin"]))[0].rows
    assert [row["model"] for row in rows] == ["lenet", "nin"]


def test_rows_that_pool_more_than_seeds_are_named(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", seed=1, **{"model.width": 0.5})
    assert len(table_of(tmp_path)) == 2
    assert len(table_of(tmp_path, rows=["model"])) == 1
    assert "pooled over more than seeds: lenet (width)" in notes_of(tmp_path, rows=["model"])
    assert "pooled over" not in notes_of(tmp_path)


def test_one_batch_is_not_all_of_them(tmp_path):
    """1 and 1.0 are the same number, and not the same limit."""
    write_run(tmp_path / "whole")
    write_run(tmp_path / "one", seed=1, **{"trainer.limit_train_batches": 1})
    rows = table_of(tmp_path)
    assert sorted(row["settings"] for row in rows) == ["", "limit_train_batches=1"]
    assert "pooled over more than seeds: lenet (limit_train_batches)" in notes_of(tmp_path, rows=["model"])


def test_rows_never_pool_other_data_or_protocols(tmp_path):
    write_run(tmp_path / "a", acc=0.9)
    write_run(tmp_path / "b", acc=0.2, data="synthetic")
    rows = table_of(tmp_path, rows=["model"])
    assert [(row["data"], row["test acc"]) for row in rows] == [("fashion_mnist", "90.00%"), ("synthetic", "20.00%")]


def test_a_row_looks_the_same_in_all_figures(tmp_path):
    for number, acc in enumerate((0.5, 0.9, 0.8)):
        write_run(tmp_path / f"{number}", px=28 + number, acc=acc)
    drawn = [block.draw() for block in make_report([tmp_path]).blocks if isinstance(block, Figure)]
    looks: dict[str, set[str]] = {}
    for figure in drawn:
        for axes in figure.axes:
            handles, labels = axes.get_legend_handles_labels()
            for handle, label in zip(handles, labels, strict=True):
                line = handle[0] if isinstance(handle, tuple) else handle
                if label.startswith("lenet"):
                    looks.setdefault(label, set()).add((line.get_color(), line.get_marker()))
    assert {label: len(each) for label, each in looks.items()} == dict.fromkeys(looks, 1)
    assert len(looks) == len(set.union(*looks.values())) == 3


def test_a_row_of_several_nets_has_only_what_they_share(tmp_path):
    write_run(tmp_path / "a", px=28, params=60_000)
    write_run(tmp_path / "b", px=96, params=90_000)
    write_run(tmp_path / "c", model="vgg11", px=96, params=90_000)
    lenet, vgg = table_of(tmp_path, rows=["model"], baseline="vgg11")
    assert (lenet["parameters"], lenet["structure"]) == ("", "5 conv + 3 dense")
    assert vgg["parameters"] == "90,000"
    assert "parameters saved" not in lenet


def test_seeds_that_are_still_to_do_are_nothing_but_seeds(tmp_path):
    write_plan(tmp_path, {f"{seed}": ("lenet", 28, seed, None) for seed in range(3)})
    write_run(tmp_path / "0")
    (row,) = table_of(tmp_path)
    assert (row["seeds"], row["status"]) == ("1/3", "2 to do")
    assert "pooled over" not in notes_of(tmp_path)


@pytest.mark.parametrize("problem", [None, "no compiler on this machine"])
def test_a_cell_that_another_machine_has_completed_is_not_missing(problem, tmp_path):
    write_plan(tmp_path / "here", {"lenet": ("lenet", 28, 0, problem)})
    assert table_of(tmp_path)[0]["status"] != ""
    write_run(tmp_path / "there")
    (row,) = table_of(tmp_path)
    assert "status" not in row


def test_what_was_not_run_is_blank_and_what_cannot_be_is_said(tmp_path):
    cells = {
        "done": ("lenet", 28, 0, None),
        "wait": ("nin", 28, 0, None),
        "small": ("vgg11", 28, 0, "needs 32 px"),
        "broken": ("mlp", 28, 0, None),
    }
    write_plan(tmp_path, cells)
    write_run(tmp_path / "done")
    write_run(tmp_path / "broken", model="mlp", status="failed")
    rows = {row["model"]: row for row in table_of(tmp_path)}
    assert {model: row["status"] for model, row in rows.items()} == {
        "lenet": "",
        "nin": "to do",
        "vgg11": "n/a: needs 32 px",
        "mlp": "failed",
    }
    assert [rows[model]["test acc"] for model in ("nin", "vgg11", "mlp")] == ["", "", ""]
    assert rows["nin"]["parameters"] == "5"


def test_savings_and_changes_are_against_the_baseline(tmp_path):
    for seed, (acc, other) in enumerate([(0.90, 0.901), (0.92, 0.919)]):
        write_run(tmp_path / f"a{seed}", model="alexnet", seed=seed, acc=acc, params=100_000, seconds=20)
        write_run(tmp_path / f"b{seed}", model="nin", seed=seed, acc=other, params=25_000, seconds=30)
        write_run(tmp_path / f"c{seed}", model="mlp", seed=seed, acc=acc - 0.05, params=100_000, seconds=5)
    alexnet, nin, mlp = table_of(tmp_path, baseline="alexnet", at_least=0.87)
    assert alexnet["time saved"] == alexnet["change (points)"] == ""
    assert (nin["time saved"], nin["parameters saved"], nin["MACs saved"]) == ("−50.0%", "75.0%", "75.0%")
    assert (nin["change (points)"], mlp["change (points)"]) == ("(0.00)", "−5.00")  # within the spread, and beyond it
    assert "single seed" not in notes_of(tmp_path, baseline="alexnet")
    shutil.rmtree(tmp_path / "c1")
    assert table_of(tmp_path, baseline="alexnet")[2]["change (points)"] == "−6.00*"
    assert "*: at least one of the two rows has a single seed, so the spread is not known" in notes_of(
        tmp_path, baseline="alexnet"
    )
    assert [row["≥ threshold"] for row in (alexnet, nin, mlp)] == ["✓", "✓", "✗"]
    assert "compared with alexnet" in notes_of(tmp_path, baseline="alexnet")


def test_times_are_compared_only_on_the_same_device(tmp_path):
    write_run(tmp_path / "a", model="alexnet", seconds=20)
    write_record(tmp_path / "b", read_record(write_run(tmp_path / "b", model="nin", seconds=2)) | {"device": "cuda"})
    _, nin = table_of(tmp_path, baseline="alexnet")
    assert (nin.get("time saved"), nin["parameters saved"]) == (None, "0.0%")
    write_record(tmp_path / "b", read_record(tmp_path / "b") | {"device": "cpu"})
    assert table_of(tmp_path, baseline="alexnet")[1]["time saved"] == "90.0%"
    write_record(tmp_path / "b", read_record(tmp_path / "b") | {"threads": 16})
    assert table_of(tmp_path, baseline="alexnet")[1].get("time saved") is None


@pytest.mark.parametrize(
    ("other", "comparable"),
    [
        ({}, True),
        ({"trainer.max_epochs": 5}, True),
        ({"data.batch_size": 128}, True),
        ({"trainer.limit_train_batches": 100}, False),
        ({"trainer.limit_train_batches": 0.5}, False),
        ({"trainer.limit_val_batches": 10}, False),
        ({"data.num_train": 600}, False),
        ({"data": "synthetic"}, False),
    ],
)
def test_times_are_compared_only_of_as_many_images(other, comparable, tmp_path):
    write_run(tmp_path / "a", model="alexnet", seconds=20)
    write_run(tmp_path / "b", model="nin", seconds=2, **other)
    saved = "75.0%" if "trainer.max_epochs" in other else "90.0%"  # 10 of 40 s, or 4 of 40
    assert table_of(tmp_path, baseline="alexnet")[1].get("time saved") == (saved if comparable else None)
    figures = {block.name for block in make_report([tmp_path]).blocks if isinstance(block, Figure)}
    assert ("accuracy-time" in figures) is comparable
    assert ("timed under different conditions" in notes_of(tmp_path)) is not comparable


def test_a_page_shows_what_it_is_given_and_runs_none_of_it():
    """Runs may be of somebody else, and labels are typed."""
    table = Table([Column("a", "<a>", left=True), Column("b", "b", "{:.1f}".format)], [{"a": '"<c>', "b": 0.25}], "<d>")
    drawing = matplotlib.figure.Figure()
    drawing.text(0.5, 0.5, "x", color=INK)
    figure = Figure("f", '"<e>', lambda: drawing)
    text = page(Document("en", "<f>", [Paragraph("<g>"), table, Notes(["<h>"]), figure]))
    assert not re.search("<[acdefgh]>", text)
    assert all(f"&lt;{letter}&gt;" in text for letter in "acdefgh")
    assert 'data-value="&quot;&lt;c&gt;"' in text
    assert 'data-value="0.25">0.2<' in text  # by which it is sorted
    assert 'aria-label="&quot;&lt;e&gt;"' in text
    assert "currentColor" in text.partition("<svg")[2]  # the page's own ink, also where it is dark
    assert INK not in text.partition("<svg")[2]


def test_batches_are_as_many_images_as_they_have(tmp_path):
    limits = {"a": (100, 64), "b": (50, 128), "c": (100, 128)}
    for model, (limit, size) in limits.items():
        more = {"trainer.limit_train_batches": limit, "data.batch_size": size}
        write_run(tmp_path / model, model=model, seconds=20 if model == "a" else 2, **more)
    rows = {row["model"]: row.get("time saved") for row in table_of(tmp_path, baseline="a")}
    assert rows == {"a": "", "b": "90.0%", "c": ""}


def test_a_run_that_was_moved_is_timed_on_no_other(tmp_path):
    write_run(tmp_path / "a", model="alexnet", seconds=20)
    record = read_record(write_run(tmp_path / "b", model="nin", seconds=2))
    write_record(tmp_path / "b", record | {"earlier": [{"device": "cuda", "precision": "bf16-mixed"}]})
    rows = table_of(tmp_path, baseline="alexnet")
    assert [(row["device"], row.get("time saved")) for row in rows] == [("cpu", None), ("cuda, then cpu", None)]


def test_a_run_that_shared_its_device_for_a_while_is_timed_on_no_other(tmp_path):
    write_run(tmp_path / "a", model="alexnet", seconds=20)
    record = read_record(write_run(tmp_path / "b", model="nin", seconds=2))
    part = {key: record[key] for key in ("device", "precision", "threads", "git")}
    write_record(tmp_path / "b", record | {"earlier": [part | {"slots": 2, "versions": {"torch": "2.13"}}]})
    rows = table_of(tmp_path, baseline="alexnet")
    assert [(row["runs at a time"], row.get("time saved")) for row in rows] == [("1", None), ("2, then 1", None)]
    assert {"torch 2.13", "torch 2.14.1"} <= set(note_lines(make_report([tmp_path])))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_answer_leaves_no_row_out_because_of_its_device(language, tmp_path):
    write_run(tmp_path / "a", model="alexnet", px=224, experiment="alexnet_simplified")
    record = read_record(write_run(tmp_path / "b", model="alexnet", px=96, experiment="alexnet_simplified", params=5))
    write_record(tmp_path / "b", record | {"device": "cuda"})
    answer = next(
        block.text for block in make_report([tmp_path], language=language).blocks if isinstance(block, Paragraph)
    )
    assert {"en": "timed under other conditions", "zh": "计时条件"}[language] in answer


def test_a_cell_to_do_that_was_run_elsewhere_is_no_seed_more(tmp_path):
    record = read_record(write_run(tmp_path / "a" / "x"))
    cell = {"overrides": ["model=lenet"], "model": "lenet", "px": 28, "optimizer": "adamw", "seed": 0, "problem": None}
    cell |= {key: record[key] for key in ("choices", "config", "changed")}
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "sweep.json").write_text(json.dumps({"cells": {"y": cell}}))
    (row,) = table_of(tmp_path)
    assert row["seeds"] == "1/1"


def test_the_courses_figures_stand_beside_its_nets(tmp_path):
    for model, px in (("lenet", 28), ("resnet18", 28), ("mlp", 28)):
        write_run(tmp_path / model, model=model, px=px)
    titles = ("course px", "course zh", "course en")
    for rows in (), ("model",):
        shown = table_of(tmp_path, rows=rows, beside_course=True)
        assert {row["model"]: tuple(row[title] for title in titles) for row in shown} == {
            "lenet": ("28", "77.9%", "72.8%"),
            "resnet18": ("96", "89.3%", "90.3%"),
            "mlp": ("", "", ""),
        }
    notes = notes_of(tmp_path, beside_course=True)
    assert "course: the test accuracy" in notes
    assert (
        "the course's nets differ from ours: resnet18 has biases, and no batch norm on its shortcuts; " in f"{notes}; "
    )
    assert not set(titles) & set(table_of(tmp_path)[0])
    assert "course: the" not in notes_of(tmp_path)


def test_the_courses_figures_are_of_its_nets_and_data(tmp_path):
    write_run(tmp_path / "a", model="mlp")
    with pytest.raises(UserError, match=r"(?s)--course: none of these runs .*add runs of lenet, "):
        make_report([tmp_path], beside_course=True)
    write_run(tmp_path / "b", data="synthetic")
    write_run(tmp_path / "c", **{"model.width": 0.25})
    with pytest.raises(UserError, match="--course"):
        make_report([tmp_path], beside_course=True)


def test_the_courses_figures_need_the_model_among_the_rows(tmp_path):
    write_run(tmp_path / "a")
    with pytest.raises(UserError, match="--course is about nets\ntype model among"):
        make_report([tmp_path], rows=["optimizer"], beside_course=True)


@pytest.mark.parametrize("name", options("experiment/course"))
def test_the_courses_recipes_have_the_courses_nets(name):
    config = compose_config([f"experiment=course/{name}"])
    run = {"model": config.choices["model"], "data": "fashion_mnist", "changed": changes(config)}
    row = {"model": name, "runs": [run]}
    add_figures([row])
    told = (CONF / "experiment" / "course" / f"{name}.yaml").read_text().replace("\n# ", " ")
    assert f"{row['course_zh']:.3f}" in told.partition("(Chinese edition)")[0]
    assert re.search(rf"{row['course_en']:.3f} \(English edition\)", told)
    assert other_nets([row]) == []
    plain = {"model": name, "runs": [{**run, "changed": {}}]}
    add_figures([plain])
    for net in other_nets([plain]):
        assert changes(config).keys() & {f"model.{key}" for key in ("padding", "width", "course")}
        assert say("en", f"course_{net}") != say("zh", f"course_{net}")
    other = {**run, "changed": {"model.width": 0.5}}
    with pytest.raises(UserError):
        add_figures([{"model": name, "runs": [run, other]}])


def test_a_baseline_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    write_run(tmp_path / "a")
    with pytest.raises(UserError, match=r"no row 'vgg' .*\ntype one of 'lenet'"):
        make_report([tmp_path], baseline="vgg")


def test_a_pivot_has_a_column_for_each_value(tmp_path):
    for model, px, acc in (("lenet", 28, 0.8), ("lenet", 96, 0.85), ("vgg11", 96, 0.9)):
        write_run(tmp_path / f"{model}{px}", model=model, px=px, acc=acc)
    write_plan(tmp_path, {"vgg11x28": ("vgg11", 28, 0, "too small")})
    document = make_report([tmp_path], rows=["model"], pivot="data.resize")
    accuracy, seconds, *_ = tables(document)
    assert [column.title for column in accuracy.columns] == ["model", "28", "96"]
    assert sorted(texts(accuracy.columns, accuracy.rows)) == [
        ["lenet", "80.00%", "85.00%"],
        ["vgg11", "n/a: too small", "90.00%"],
    ]
    assert ["lenet", "10.0", "10.0"] in texts(seconds.columns, seconds.rows)


def test_a_pivot_has_a_figure_with_a_line_for_each_row_of_its_tables(tmp_path):
    for model, px, acc in (("lenet", 28, 0.8), ("lenet", 96, 0.85), ("vgg11", 96, 0.9)):
        write_run(tmp_path / f"{model}{px}", model=model, px=px, acc=acc)
    first, *_ = [block for block in make_report([tmp_path], pivot="data.resize").blocks if isinstance(block, Figure)]
    assert (first.name, first.caption.partition(".")[0]) == ("accuracy-along", "Test accuracy by px")
    (axes,) = first.draw().axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["28", "96"]
    points = {each.get_label(): each.lines[0].get_xydata().tolist() for each in axes.containers}
    assert points == {"lenet": [[0, 0.8], [1, 0.85]], "vgg11": [[1, 0.9]]}


def test_a_pivot_of_a_single_value_has_no_figure_of_its_own_and_one_of_many_rows_has_the_best(tmp_path):
    def along():
        blocks = make_report([tmp_path], pivot="data.resize").blocks
        return [block for block in blocks if isinstance(block, Figure) and block.name == "accuracy-along"]

    for number in range(10):
        write_run(tmp_path / f"{number}", acc=0.8 + number / 100, **{"model.width": number})
    assert along() == []
    write_run(tmp_path / "large", px=96, acc=0.9, **{"model.width": 0})
    (figure,) = along()
    assert "of the rows with the highest" in figure.caption
    drawn = [each.get_label() for each in figure.draw().axes[0].containers]
    assert drawn == [f"lenet width={number}" for number in (0, *range(3, 10))]


def test_a_pivot_has_a_column_for_rows_without_its_key(tmp_path):
    write_run(tmp_path / "a", model="vgg11", **{"model.width": 0.25})
    other = read_record(write_run(tmp_path / "b", acc=0.8))
    del other["config"]["model"]["width"]
    write_record(tmp_path / "b", other)
    accuracies = tables(make_report([tmp_path], rows=["model"], pivot="model.width"))[0]
    assert [column.title for column in accuracies.columns] == ["model", "0.25", "-"]
    assert sorted(texts(accuracies.columns, accuracies.rows)) == [["lenet", "", "80.00%"], ["vgg11", "90.00%", ""]]


def test_a_pivot_as_csv_has_the_deviations_too(tmp_path):
    for px, seed in ((28, 0), (28, 1), (96, 0)):
        write_run(tmp_path / f"{px}-{seed}", px=px, seed=seed, acc=0.8 + seed / 10)
    text = render(make_report([tmp_path], rows=["model"], pivot="data.resize"), "csv")
    first = next(csv.DictReader(io.StringIO(text)))
    assert (first["figure"], float(first["28"])) == ("test_acc", pytest.approx(0.85))
    assert float(first["28_std"]) == pytest.approx(0.1 / 2**0.5)
    assert first["96_std"] == ""


def test_a_pivot_by_a_changed_key_has_one_line_and_says_what_is_not_complete(tmp_path):
    for width, seed, status in ((0.25, 0, "completed"), (0.5, 0, "completed"), (0.5, 1, "diverged")):
        write_run(tmp_path / f"{width}-{seed}", seed=seed, status=status, **{"model.width": width})
    document = make_report([tmp_path], pivot="model.width")
    accuracies = tables(document)[0]
    assert texts(accuracies.columns, accuracies.rows) == [["lenet", "28", "90.00%", "90.00%"]]
    assert "Not all seeds are completed of lenet width=0.5." in note_lines(document)


def test_a_pivot_says_in_the_language_asked_for_what_is_still_to_do(tmp_path):
    write_run(tmp_path / "a", px=96)
    write_plan(tmp_path, {"x": ("lenet", 28, 0, None)})
    accuracies = tables(make_report([tmp_path], pivot="data.resize", language="zh"))[0]
    assert texts(accuracies.columns, accuracies.rows) == [["lenet", "待运行", "90.00%"]]


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


Q1 = ({"px": 224}, {"px": 224, "model.hidden": 512, "params": 9_000}, {"px": 96, "acc": 0.8, "trainer.max_epochs": 30})
Q2 = ({"px": 224}, {"px": 96, "params": 20_000}, {"px": 28, "params": 10_000})
Q3 = ({"model": "googlenet"}, {"model": "googlenet_bn", "acc": 0.93}, {"model": "alexnet", "params": 90_000})
QUESTIONS = {
    "alexnet_simplified": [{"model": "alexnet"} | run for run in Q1],
    "vgg_resolution": [{"model": "vgg11"} | run for run in Q2],
    "inception_ladder": Q3,
}


@pytest.fixture(params=QUESTIONS)
def question(request, tmp_path):
    for number, run in enumerate(QUESTIONS[request.param]):
        for seed in (0, 1):
            more = {"acc": 0.9} | run
            more["acc"] += seed / 100
            write_run(tmp_path / f"{number}-{seed}", experiment=request.param, seed=seed, **more)
    return tmp_path


NUMBER = re.compile(r"[+−(]*\d[\d,.]*%?")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_number_in_the_text_of_a_question_is_one_of_the_table(question, language):
    document = make_report([question], language=language)
    paragraphs = [block.text for block in document.blocks if isinstance(block, Paragraph)]
    shown = [*cells(document), *note_lines(document)]
    known = {number.strip("(,.") for text in shown for number in NUMBER.findall(text)}
    found = [number.strip("(,.") for text in paragraphs for number in NUMBER.findall(text)]
    assert len(found) > 10
    assert set(found) - known == set()


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_the_threshold_that_is_asked_for_is_the_one_of_the_answer(question):
    assert "The threshold of 85% is reached by alexnet 224 (90.50%" in paragraphs(question)[0]
    assert "The threshold of 91% is not reached by alexnet 224 (90.50%" in paragraphs(question, at_least=0.91)[0]


def test_the_smallest_simplification_has_the_fewest_parameters_and_the_fastest_the_fewest_multiply_adds(tmp_path):
    """The second has the fewest parameters of all, the third the fewest multiply-adds; the fourth is short of 85 %."""
    nets = ((50_000, 9e6, 0.9), (10_000, 8e6, 0.9), (30_000, 1e6, 0.9), (5_000, 2e6, 0.5))
    for number, (params, macs, acc) in enumerate(nets):
        changed = {"model.hidden": number} if number else {}
        write = {"model": "alexnet", "px": 224, "experiment": "alexnet_simplified", "params": params, "acc": acc}
        folder = write_run(tmp_path / f"{number}", **write, **changed)
        write_record(folder, read_record(folder) | {"macs": int(macs)})
    first, why, *_ = paragraphs(tmp_path)
    assert "The smallest simplification that reaches it is alexnet hidden=1: 5 conv + 3 dense layers, 10,000" in first
    assert "alexnet hidden=3 has the fewest parameters (90.0% saved; multiply-adds: 77.8% saved; time: 0.0" in why
    assert "and alexnet hidden=2 the fewest multiply-adds (88.9% saved; parameters: 40.0% saved; time: 0.0" in why


def test_no_net_is_said_to_have_fewest_of_what_the_baseline_has_less_of(tmp_path):
    for number, (params, macs) in enumerate(((100_000, 1000), (130_000, 500), (120_000, 700))):
        changed = {"model.hidden": number} if number else {}
        write = {"model": "alexnet", "px": 224, "experiment": "alexnet_simplified", "params": params}
        folder = write_run(tmp_path / f"{number}", **write, **changed)
        write_record(folder, read_record(folder) | {"macs": macs})
    assert not any("the fewest" in each for each in paragraphs(tmp_path))


def test_the_second_question_is_not_answered_by_images_of_the_same_size(tmp_path):
    common = {"model": "vgg11", "px": 224, "experiment": "vgg_resolution"}
    for epochs in (2, 10):
        write_run(tmp_path / f"{epochs}", **common, **{"trainer.max_epochs": epochs})
    assert not any("the parameters go from" in each for each in paragraphs(tmp_path))


@pytest.mark.parametrize(
    "more",
    [{"device": "cuda"}, {"threads": 4}, {"micro_batch_size": 32}, {"trainer.max_epochs": 3}, {"data.batch_size": 32}],
)
def test_the_second_question_is_answered_also_where_rows_were_made_otherwise(more, tmp_path):
    measured = {key: value for key, value in more.items() if "." not in key}
    changed = {key: value for key, value in more.items() if "." in key}
    common = {"model": "vgg11", "experiment": "vgg_resolution"}
    folder = write_run(tmp_path / "a", px=224, params=60_000, **common, **changed)
    write_record(folder, read_record(folder) | measured)
    write_run(tmp_path / "b", px=28, params=20_000, **common)
    write_run(tmp_path / "c", px=96, params=40_000, **common)
    write_run(tmp_path / "d", px=96, params=30_000, **common, **{"model.width": 0.5})
    answer = paragraphs(tmp_path)[0]
    assert re.findall(r"the parameters go from 60,000 to ([\d,]+) \(([\d.]+% \w+)\)", answer) == [
        ("40,000", "33.3% saved"),
        ("20,000", "66.7% saved"),
    ]


def test_time_is_that_of_all_epochs_where_rows_have_different_numbers_of_them(tmp_path):
    for name, px, epochs, seconds in (("a", 224, 2, 90.0), ("b", 96, 30, 1.0)):
        changed = {"trainer.max_epochs": epochs, "data.batch_size": 64}
        write_run(
            tmp_path / name,
            model="alexnet",
            px=px,
            seconds=seconds,
            params=90_000 // epochs,
            experiment="alexnet_simplified",
            **changed,
        )
    rows = table_of(tmp_path)
    assert [(row["s/epoch"], row["training s"], row["time saved"]) for row in rows] == [
        ("90.0", "180", ""),
        ("1.0", "30", "83.3%"),
    ]
    assert "takes 180 s of training" in paragraphs(tmp_path)[0]
    assert ", 30 s of training (83.3% saved)" in paragraphs(tmp_path)[0]
    drawn = {block.name: block for block in make_report([tmp_path]).blocks if isinstance(block, Figure)}
    assert drawn["accuracy-time"].draw().axes[0].get_xlabel() == "seconds of training"
    curves = draw_curves(tables(make_report([tmp_path]))[0].rows, "en")
    assert {axes.get_xlabel() for axes in curves.axes} == {"epoch"}  # two each were written


def test_curves_of_short_and_long_runs_are_drawn_by_the_share_of_their_epochs(tmp_path):
    write_run(tmp_path / "a", model="alexnet")
    history = (write_run(tmp_path / "b", model="nin") / "metrics.csv").read_text().splitlines()
    more = [history[-1].replace("2,", f"{epoch},", 1) for epoch in range(3, 9)]
    (tmp_path / "b" / "metrics.csv").write_text("\n".join([*history, *more]))
    axes, _ = draw_curves(tables(make_report([tmp_path]))[0].rows, "en").axes
    assert axes.get_xlabel() == "share of the epochs"
    assert [line.get_xdata()[-1] for line in axes.lines] == [1, 1]


def test_the_sizes_of_nets_stand_without_what_makes_no_other_net(tmp_path):
    def titles():
        return [column.title for column in tables(make_report([tmp_path]))[1].columns]

    write_run(tmp_path / "a")
    write_run(tmp_path / "b", model="nin", **{"trainer.max_epochs": 5})
    assert "epochs" not in titles()
    write_run(tmp_path / "c", **{"trainer.max_epochs": 5})  # which could not be told from the first
    assert "epochs" in titles()


def test_the_notes_say_with_what_the_nets_were_trained(tmp_path):
    write_run(tmp_path / "a", **{"optimizer.lr": 0.01})
    write_run(tmp_path / "b", model="nin", **{"optimizer.lr": 0.003})
    assert "data fashion_mnist; optimizer adamw; rate 0.01 / 0.003" in notes_of(tmp_path)
    assert [row["rate"] for row in table_of(tmp_path)] == ["0.01", "0.003"]
    shutil.rmtree(tmp_path / "b")
    assert "rate" not in table_of(tmp_path)[0]
    assert table_of(tmp_path, rows=["model", "optimizer.lr"])[0]["rate"] == "0.01"  # it was asked for


def test_a_draft_of_other_images_says_so(tmp_path):
    for px in (224, 96):
        write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution", data="synthetic")
    assert paragraphs(tmp_path)[0] == "The images are synthetic, and not Fashion-MNIST."
    write_run(tmp_path / "1", model="vgg11", px=224, experiment="vgg_resolution")
    write_run(tmp_path / "2", model="vgg11", px=96, experiment="vgg_resolution")
    assert "Fashion-MNIST" not in " ".join(paragraphs(tmp_path, baseline="vgg11 224 fashion_mnist"))


def test_a_draft_names_batches_and_precisions_that_differ(tmp_path):
    write_run(tmp_path / "a", model="vgg11", px=224, experiment="vgg_resolution")
    write_run(tmp_path / "b", model="vgg11", px=96, experiment="vgg_resolution", **{"data.batch_size": 512})
    write_record(tmp_path / "b", read_record(tmp_path / "b") | {"precision": "32-true"})
    told = next(each for each in paragraphs(tmp_path) if "trained alike" in each)
    assert "vgg11 224 for 2 epochs of all training images in batches of 64, bf16-mixed" in told
    assert "vgg11 96 for 2 epochs of all training images in batches of 512, 32-true" in told
    write_run(tmp_path / "c", model="vgg11", px=224, seed=1, status="failed", experiment="vgg_resolution")
    record = read_record(tmp_path / "c")
    write_record(tmp_path / "c", {key: value for key, value in record.items() if key not in ("precision", "device")})
    assert not any("None" in each for each in paragraphs(tmp_path))


def test_seeds_of_different_nets_are_left_out_by_name(tmp_path):
    for name, px, seed, params in (("a", 224, 0, 9), ("b", 96, 0, 5), ("c", 96, 1, 6), ("d", 28, 0, 4)):
        write_run(tmp_path / name, model="vgg11", px=px, seed=seed, params=params, experiment="vgg_resolution")
    assert "Left out, because their seeds are not of the same net: vgg11 96." in paragraphs(tmp_path)


def test_what_few_seeds_cannot_tell_is_said(tmp_path):
    for seed, (acc, other) in enumerate([(0.90, 0.846), (0.92, 0.858)]):
        write_run(tmp_path / f"a{seed}", model="alexnet", px=224, seed=seed, acc=acc, experiment="alexnet_simplified")
        changed = {"model.width": 0.5}
        write_run(
            tmp_path / f"b{seed}",
            model="alexnet",
            px=224,
            seed=seed,
            acc=other,
            params=9,
            experiment="alexnet_simplified",
            **changed,
        )
    answer = paragraphs(tmp_path)
    assert "(85.20% ± 0.85, within the spread of it)" in answer[0]
    assert "With fewer than five seeds a row, a change beyond the spread may be chance, too." in answer
    assert "one in three pairs with two seeds each" in notes_of(tmp_path)


def test_a_net_with_more_parameters_is_no_simplification(tmp_path):
    write_run(tmp_path / "a", model="alexnet", px=224, acc=0.84, experiment="alexnet_simplified")
    larger = write_run(tmp_path / "b", model="alexnet", px=96, params=70_000, experiment="alexnet_simplified")
    write_record(larger, read_record(larger) | {"macs": 5})
    assert "The smallest simplification" not in paragraphs(tmp_path)[0]


def test_the_baseline_is_among_the_curves(tmp_path):
    for number in range(10):
        write_run(tmp_path / f"{number}", model="alexnet" if number == 9 else f"net{number}", acc=0.9 - 0.05 * number)
    report = make_report([tmp_path], baseline="alexnet")
    curves = next(block for block in report.blocks if isinstance(block, Figure) and block.name == "curves")
    assert curves.caption.endswith("(8 of 10 rows, the best and the baseline)")
    assert "alexnet" in {line.get_label() for line in curves.draw().axes[0].lines}


def test_what_the_small_stem_changes_is_said(tmp_path):
    for px in (224, 28):
        record = read_record(write_run(tmp_path / f"{px}", model="vgg11", px=px, experiment="vgg_resolution"))
        write_record(tmp_path / f"{px}", record | {"stem": "small" if px == 28 else "paper"})
    assert any(
        "The small stem pads the images by two pixels on each side: vgg11 28." in each for each in paragraphs(tmp_path)
    )


def test_the_baseline_is_among_the_confusion_matrices(tmp_path):
    for number in range(6):
        write_run(tmp_path / f"{number}", model="alexnet" if number == 5 else f"net{number}", acc=0.9 - 0.1 * number)
    report = make_report([tmp_path], baseline="alexnet")
    figure = next(block for block in report.blocks if isinstance(block, Figure) and block.name == "confusion")
    assert "(4 of 6 rows, the best and the baseline)" in figure.caption
    assert "alexnet (%)" in {axes.get_title() for axes in figure.draw().axes}
    (tmp_path / "5" / "confusion.csv").unlink()
    report = make_report([tmp_path], baseline="alexnet")
    other = next(block for block in report.blocks if isinstance(block, Figure) and block.name == "confusion")
    assert "(4 of 5 rows, the best)" in other.caption


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_the_ladder_is_climbed_from_below(question):
    write_run(question / "3", model="inception_res", experiment="inception_ladder", params=120_000)
    write_run(question / "4", model="inception_fact", experiment="inception_ladder")
    answer = paragraphs(question)[1]
    assert re.findall(r"(\w+) takes", answer) == ["googlenet", "googlenet_bn", "inception_fact", "inception_res"]
    assert answer.count("(against googlenet: ") == 3  # and not against the step below


def test_a_question_is_answered_only_as_far_as_it_was_run(question):
    for folder in question.iterdir():
        if not folder.name.startswith("0"):
            (folder / "run.json").unlink()
    (said,) = paragraphs(question)
    assert re.fullmatch(r"No draft of an answer yet: no other row that it compares with \w+ is completed\.", said)
    assert make_report([question]).title.startswith("Question")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_a_draft_waits_for_is_said(question, language):
    for folder in question.glob("0-*"):
        write_record(folder, read_record(folder) | {"status": "failed", "metrics": {}})
    (told,) = paragraphs(question, language=language)
    assert re.search("no run is completed|尚无已完成的运行", told)
    labels = {"alexnet_simplified": "alexnet 224", "vgg_resolution": "vgg11 224", "inception_ladder": "googlenet"}
    assert f" {labels[read_record(folder)['choices']['experiment']]}" in told


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_what_a_draft_waits_for_may_be_no_row_yet(question):
    for folder in question.glob("0-*"):
        (folder / "run.json").unlink()
    assert paragraphs(question) == [
        "No draft of an answer: it compares the other rows with googlenet, of which there is no run here."
    ]


@pytest.mark.parametrize("question", ["inception_ladder"], indirect=True)
def test_the_draft_speaks_of_the_questions_own_baseline(question):
    assert paragraphs(question, baseline="googlenet") == paragraphs(question) != []
    assert paragraphs(question, baseline="alexnet") == []


def test_runs_before_and_after_an_edit_of_a_yaml_file_are_rows_of_their_own(tmp_path):
    write_run(tmp_path / "before", seed=0)
    for folder, changed in {"after": {}, "typed": {"optimizer.lr": 0.3}}.items():
        write_run(tmp_path / folder, seed=1, **changed)
    record = read_record(tmp_path / "after")
    record["config"]["optimizer"]["lr"] = 0.2
    write_record(tmp_path / "after", record)
    rows = table_of(tmp_path)
    assert {(row["settings"], row["seeds"]) for row in rows} == {
        (f"optimizer.lr={rate}", "1/1") for rate in (0.1, 0.2, 0.3)
    }
    shutil.rmtree(tmp_path / "after")
    assert {row["settings"] for row in table_of(tmp_path)} == {"", "optimizer.lr=0.3"}
    record = read_record(tmp_path / "before")  # a yaml file was edited to what had been typed before
    record["config"]["optimizer"]["lr"] = 0.3
    write_record(tmp_path / "before", record)
    assert [(row["seeds"], row.get("settings", "")) for row in table_of(tmp_path)] == [("2/2", "")]
    assert "in all rows: optimizer.lr=0.3" in notes_of(tmp_path)


def test_the_baseline_has_the_fewest_settings_and_the_largest_images(tmp_path):
    runs = ((224, {"model.width": 0.25}), (96, {"model.width": 0.5}), (224, {"model.width": 0.5, "model.hidden": 8}))
    for number, (px, more) in enumerate(runs):
        write_run(tmp_path / f"{number}", model="vgg11", px=px, experiment="vgg_resolution", **more)
    assert "compared with vgg11 224 width=0.25;" in notes_of(tmp_path)


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_an_answer_says_which_rows_have_one_seed(question):
    def said(words):
        return [text for text in paragraphs(question) if words in text]

    assert not said("single seed")
    shutil.rmtree(question / "1-1")
    assert said("single seed") == said("single seed of alexnet 224 hidden=512: small differences") != []
    for number in (0, 2):
        shutil.rmtree(question / f"{number}-1")
    assert said("single seed") == said("Each row has a single seed: small differences") != []


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_an_answer_says_what_is_still_missing(question):
    write_record(question / "1-1", read_record(question / "1-1") | {"status": "stuck"})
    write_run(question / "3-0", model="alexnet_slim", px=224, experiment="alexnet_simplified", status="failed")
    said = " ".join(paragraphs(question))
    assert "Without a result so far, and not counted: alexnet_slim 224." in said
    assert "Not all seeds are completed of alexnet 224 hidden=512." in said


def test_what_is_no_smaller_than_the_baseline_is_no_simplification(tmp_path):
    write_run(tmp_path / "a", model="alexnet", experiment="alexnet_simplified")
    write_run(tmp_path / "b", model="alexnet", experiment="alexnet_simplified", **{"data.augment": "flip"})
    said = " ".join(paragraphs(tmp_path))
    assert "The threshold of 85% is reached by" in said
    assert "simplification" not in said


def test_a_baseline_that_has_a_result_is_preferred(tmp_path):
    write_run(tmp_path / "a", model="alexnet", px=224, experiment="alexnet_simplified", status="failed")
    other = read_record(write_run(tmp_path / "b", model="alexnet", px=224, experiment="alexnet_simplified"))
    write_record(tmp_path / "b", other | {"device": "cuda"})
    assert "compared with alexnet cuda;" in notes_of(tmp_path)


def test_a_threshold_is_reached_by_what_the_table_shows(tmp_path):
    write_run(tmp_path / "a", acc=0.84997)
    (row,) = table_of(tmp_path, at_least=0.85)
    assert (row["test acc"], row["≥ threshold"]) == ("85.00%", "✓")


@pytest.mark.parametrize("at_least", [0.72, 0.744, 0.85, 0.86])
def test_a_mean_between_two_figures_is_ticked_as_it_is_shown(at_least, tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"{seed}", seed=seed, acc=at_least - seed / 10_000)
    (row,) = table_of(tmp_path, at_least=at_least)
    shown, ticked = row["test acc"].partition("%")[0], row["≥ threshold"]
    assert (float(shown) >= round(100 * at_least, 2)) == (ticked == "✓")


def test_rows_are_in_the_order_of_their_numbers_and_links_are_followed(tmp_path):
    for px in (224, 28, 96):
        write_run(tmp_path / "runs" / f"lenet-{px}-adamw", px=px)
    write_run(tmp_path / "elsewhere" / "x", model="vgg11")
    (tmp_path / "runs" / "z").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "runs")
    shown = [(row["model"], row["px"]) for row in table_of(tmp_path / "runs")]
    assert shown == [("lenet", "28"), ("lenet", "96"), ("lenet", "224"), ("vgg11", "28")]


@pytest.mark.parametrize("question", ["alexnet_simplified"], indirect=True)
def test_an_answer_says_which_rows_had_more_epochs(question):
    assert (
        "The rows were not all trained alike: alexnet 96 for 30 epochs of all training images; "
        "the others for 2 epochs of all training images."
    ) in paragraphs(question)
    for seed in (0, 1):
        shutil.rmtree(question / f"2-{seed}")
    assert "All rows were trained for 2 epochs of all training images." in paragraphs(question)


@pytest.mark.parametrize(
    ("limit", "images"),
    [(100, "100 batches of 64 images"), (0.2, "20% of the training images"), (0.002, "0.2% of the training images")],
)
def test_an_answer_says_that_nets_were_not_trained_in_full(limit, images, tmp_path):
    for name, width in (("a", 1.0), ("b", 0.5)):
        changed = {"trainer.limit_train_batches": limit, "model.width": width}
        write_run(
            tmp_path / name, model="alexnet", px=224, params=60_000 * width, experiment="alexnet_simplified", **changed
        )
    said = "Trained on all images, they would have other accuracies."
    assert f"All rows were trained for 2 epochs of {images}. {said}" in paragraphs(tmp_path)


def test_runs_of_ones_own_beside_those_of_a_question_are_named(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"{seed}", model="alexnet", px=224, seed=seed, experiment="alexnet_simplified")
    assert "no draft" not in notes_of(tmp_path)
    write_run(tmp_path / "own", model="alexnet", px=224, **{"model.width": 0.25})
    assert "no draft of an answer, because of runs that are not of experiment=alexnet_simplified: 1" in notes_of(
        tmp_path
    )
    assert "no draft" not in notes_of(tmp_path, rows=["model"])


@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_format_holds_the_whole_table(question, language):
    document = make_report([question], language=language)
    for style in ("md", "html"):
        text = render(document, style)
        assert all(cell in text for cell in cells(document))
    latex = render(document, "latex")
    assert latex.count(r"\begin{") == latex.count(r"\end{")
    assert r"\toprule" in latex
    assert "%" not in re.sub(r"\\%|%\n", "", latex)  # else the rest of a line would be a comment
    lines = list(csv.DictReader(io.StringIO(render(document, "csv"))))
    assert len(lines) == 3
    assert 0 < float(lines[0]["test_acc"]) < 1
    assert float(lines[0]["test_acc_std"]) == pytest.approx(0.01 / 2**0.5)


def test_a_spreadsheet_reads_the_csv_as_it_is_meant(tmp_path):
    """Not 1/2 as a day, nor bytes with a decimal; and what is completed says so beside what is not."""
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", seed=1, status="failed")
    write_run(tmp_path / "c", px=96)
    lines = list(csv.DictReader(io.StringIO(render(make_report([tmp_path]), "csv"))))
    told = {line["data.resize"]: (line["seeds"], line["status"], line["peak_bytes"]) for line in lines}
    assert told == {"28": ("1 of 2", "1 failed", f"{2**30}"), "96": ("1 of 1", "completed", f"{2**30}")}


@pytest.mark.parametrize(("language", "compiler"), [("en", "pdflatex"), ("zh", "xelatex")])
def test_latex_compiles(question, language, compiler, tmp_path_factory):
    if not shutil.which(compiler):
        pytest.skip(f"needs {compiler}")
    folder = tmp_path_factory.mktemp("latex")
    save(make_report([question], language=language), "latex", folder)
    command = [compiler, "-interaction=nonstopmode", "-halt-on-error", "report.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in (folder / "report.log").read_text(errors="replace")


def test_a_long_table_is_several_in_latex(tmp_path):
    for number in range(90):
        write_run(tmp_path / f"{number}", model=f"net{number}")
    latex = render(make_report([tmp_path]), "latex")
    assert latex.count(r"\begin{tabular}") == 6
    assert "(1 -- 40)" in latex
    assert len(re.findall(r"^net\d+ &", latex, re.MULTILINE)) == 2 * 90


def test_the_page_needs_nothing_else_and_its_ids_are_its_own(question):
    text = render(make_report([question]), "html")
    assert not re.findall(r'(?:src|href)="(?!#|data:)', text)
    assert "@import" not in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    names = [figure.name for figure in make_report([question]).figures]
    assert all(any(each.startswith(f"{name}-") for name in names) for each in ids)
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
    assert text.count("<svg") == len(make_report([question]).figures) == 5


@pytest.mark.parametrize("question", ["vgg_resolution"], indirect=True)
def test_figures_are_saved_in_three_formats_and_what_was_there_is_kept(question, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    document = make_report([question])
    written = save(document, "md", folder)
    assert {path.suffix for path in written} == {".md", ".svg", ".pdf", ".png"}
    assert all(path.stat().st_size > 1000 for path in written)
    assert "(figures/accuracy-time.png)" in (folder / "report.md").read_text()
    save(document, "md", folder)
    assert sorted(path.name for path in folder.iterdir()) == ["figures", "report.md"]
    (folder / "report.md").write_bytes("我的".encode("gbk"))
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    again = save(document, "md", folder)
    assert again[0] == folder.with_name(f"{folder.name}-2") / "report.md"
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_a_report_may_go_where_one_is(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for number, name in ((1, "here"), (2, "here-2")):
        write_run(tmp_path / f"{number}" / "a", px=28 * number, status="failed")
        (written,) = save(make_report([tmp_path / f"{number}"]), "csv", Path())
        assert written.resolve() == tmp_path / name / "report.csv"


@pytest.mark.parametrize("question", ["vgg_resolution"], indirect=True)
def test_the_same_runs_make_the_same_page(question):
    assert render(make_report([question]), "html") == render(make_report([question]), "html")


def test_nothing_beats_the_points_of_the_front():
    points = [(1, 0.5), (2, 0.7), (3, 0.6), (2, 0.65), (4, 0.7), (5, 0.9)]
    assert front(points) == [(1, 0.5), (2, 0.7), (5, 0.9)]


def test_the_front_reaches_to_what_costs_most():
    """Also where one row beats all others, and is the whole front."""
    rows = [
        {"label": f"{cost}", "params": cost, "test_acc": Spread(accuracy, None)}
        for cost, accuracy in [(1, 0.9), (5, 0.8)]
    ]
    lines = draw_trade_off(rows, "params", "en").axes[0].get_lines()
    line = next(each for each in lines if each.get_label() == "Pareto front")
    assert line.get_xydata().tolist() == [[1, 0.9], [5, 0.9]]


@pytest.mark.parametrize(("low", "high"), [(11_510, 99_000), (11_510, 900_000), (11_510, 28_142_858), (41, 4e9)])
def test_the_figures_along_an_axis_do_not_touch(low, high):
    label = "lenet_bn activation=relu pooling=max"
    rows = [{"label": label, "params": cost, "test_acc": Spread(0.9, None)} for cost in (low, high)]
    figure = draw_trade_off(rows, "params", "en")
    figure.draw_without_rendering()
    low_end, high_end = figure.axes[0].get_xlim()
    ticks = figure.axes[0].xaxis.get_major_ticks()
    boxes = [tick.label1.get_window_extent() for tick in ticks if low_end <= tick.get_loc() <= high_end]
    assert len(boxes) > 1
    assert all(left.x1 + 2 < right.x0 for left, right in pairwise(boxes))


def test_long_labels_leave_room_for_the_figure(tmp_path):
    for number, width in enumerate((0.125, 0.25, 0.5, 0.75)):
        write_run(tmp_path / f"{number}", acc=0.8 + number / 100, params=10_000 + number, **{"model.width": width})
    rows = [
        {"label": f"vgg11 28 adamw constant width={number} hidden=64 dropout=0.3 lr=0.002", "runs": [run]}
        | {"params": 9, "conv_params": 4, "dense_params": 5, "test_acc": Spread(0.9, None)}
        for number, run in enumerate(read_runs([tmp_path]))
    ]
    for figure in (draw_trade_off(rows, "params", "en"), draw_curves(rows, "en"), draw_parameters(rows, "en")):
        figure.draw_without_rendering()
        whole = figure.get_window_extent()
        (legend,) = figure.legends
        assert legend.get_window_extent().x0 >= 0
        assert legend.get_window_extent().x1 <= whole.x1
        assert figure.axes[0].get_window_extent().width > 0.3 * whole.width
        assert figure.axes[0].get_window_extent().height > 0.4 * whole.height


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
    said("--save", "here")
    assert {path.suffix for path in (in_tmp / "here" / "figures").iterdir()} == {".svg", ".pdf", ".png"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no folder nothing"),
        (["."], "no runs in ."),
        (["runs", "--at-least", "85"], "--at-least is a fraction"),
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
        (["runs", "--columns", "px"], "unknown key 'px'; did you mean data.resize?"),
    ],
)
def test_mistakes_are_answered_in_words(arguments, words, in_tmp, capsys):
    (in_tmp / "empty").mkdir()
    if arguments[0] == "runs":
        write_run(in_tmp / "runs" / "a")
    with pytest.raises(SystemExit) as exited:
        main(["report", *arguments])
    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {words}")


@pytest.mark.parametrize("text", ["true,a,b\n", "true,a,b\na,1,2\n", "true;a;b\na;1;2\nb;1;2\n"])
def test_a_matrix_that_is_no_square_is_named(text, tmp_path):
    (write_run(tmp_path / "a") / "confusion.csv").write_text(text)
    with pytest.raises(UserError, match=r"confusion\.csv is damaged: it is no square of counts"):
        save(make_report([tmp_path]), "md", tmp_path / "report")


def test_a_figure_that_somebody_has_edited_is_kept(tmp_path):
    write_run(tmp_path / "runs" / "a")
    written = save(make_report([tmp_path / "runs"]), "md", tmp_path / "report")
    assert save(make_report([tmp_path / "runs"]), "md", tmp_path / "report") == written
    edited = next(path for path in written if path.suffix == ".svg")
    edited.write_text("mine")
    again = save(make_report([tmp_path / "runs"]), "md", tmp_path / "report")
    assert {path.relative_to(tmp_path).parts[0] for path in again} == {"report-2"}
    assert edited.read_text() == "mine"


def test_a_damaged_matrix_is_named(tmp_path):
    (write_run(tmp_path / "a") / "confusion.csv").write_text("")
    write_run(tmp_path / "b", model="nin")
    render(make_report([tmp_path]), "md")
    with pytest.raises(UserError, match=r"confusion\.csv is damaged"):
        render(make_report([tmp_path]), "html")


def test_what_is_missing_is_no_figure_and_no_traceback(tmp_path):
    for model, file in (("lenet", "metrics.csv"), ("nin", "confusion.csv"), ("mlp", None)):
        folder = write_run(tmp_path / model, model=model)
        if file:
            (folder / file).unlink()
        else:
            record = read_record(folder)
            write_record(folder, record | {"seconds": {}, "conv_params": None, "num_convs": None, "macs": None})
    for style in ("html", "latex", "csv"):
        render(make_report([tmp_path], baseline="lenet", at_least=0.5), style)


def test_a_damaged_record_is_named(in_tmp, capsys):
    (in_tmp / "run.json").write_text("{")
    with pytest.raises(SystemExit):
        main(["report", "."])
    assert "run.json is damaged" in capsys.readouterr().err


def test_a_figure_of_many_rows_has_the_best_the_cheapest_and_the_baseline(tmp_path):
    for number in range(40):
        write_run(tmp_path / f"{number}", acc=0.8 + number / 1000, params=10_000 + number, **{"model.hidden": number})
    captions = [each.caption for each in make_report([tmp_path]).blocks if isinstance(each, Figure)]
    assert sum(caption.endswith(" (24 of 40 rows, the best)") for caption in captions) == 3
    assert sum(caption.endswith(" (4 of 40 rows, the best)") for caption in captions) == 1
    document = make_report([tmp_path], baseline="lenet hidden=3")
    figures = {block.name: block for block in document.blocks if isinstance(block, Figure)}
    for name in ("accuracy-parameters", "parameters"):
        assert "(24 of 40 rows, the best and the baseline)" in figures[name].caption
        shown = [text.get_text() for text in (*figures[name].draw().findobj(Text),)]
        assert {f"lenet hidden={number}" for number in (3, 39)} <= set(shown)
        assert "lenet hidden=4" not in shown


def test_a_figure_of_all_rows_with_a_result_does_not_say_that_it_has_some(tmp_path):
    for number in range(3):
        write_run(tmp_path / f"{number}", acc=0.8 + number / 100, **{"model.hidden": number})
    write_run(tmp_path / "failed", model="alexnet", status="failed")
    document = make_report([tmp_path], baseline="alexnet")
    captions = {block.name: block.caption for block in document.blocks if isinstance(block, Figure)}
    assert "accuracy-parameters" in captions
    assert not any("rows, the best" in caption for caption in captions.values())


def test_figures_are_drawn_only_where_there_is_something_to_see(tmp_path):
    write_run(tmp_path / "a", status="failed")
    assert not [block for block in make_report([tmp_path]).blocks if isinstance(block, Figure)]
