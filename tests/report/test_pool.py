"""What is a row of a report: what is pooled, told apart and compared."""

import json
import shutil

import pytest

from cnnzoo.errors import UserError
from cnnzoo.record import read_record, write_record
from cnnzoo.report import document
from cnnzoo.report.columns import percent
from cnnzoo.report.compare import comparable_times
from cnnzoo.report.document import Figure
from cnnzoo.report.make import make_report
from cnnzoo.report.pool import Spread, labels_of, spread
from cnnzoo.report.runs import limit_of, read_runs
from tests.report.runs import write_plan, write_run
from tests.report.shown import note_lines, notes_of, paragraphs, table_of, tables


def test_seeds_are_pooled_and_the_spread_is_that_of_the_sample(tmp_path):
    for seed, acc in enumerate((0.90, 0.91, 0.92)):
        write_run(tmp_path / f"{seed}", seed=seed, acc=acc)
    (row,) = table_of(tmp_path)
    assert (row["test acc"], row["val acc"], row["seeds"]) == ("91.00% ± 1.00", "92.00% ± 1.00", "3/3")
    assert (row["parameters"], row["conv"], row["dense"]) == ("60,000", "25.0%", "50.0%")
    assert (row["structure"], row["MACs (M)"], row["s/epoch"], row["peak MiB"]) == (
        "5 conv + 3 dense",
        "0.600",
        "10.0",
        "1,024",
    )


def test_one_seed_has_no_spread(tmp_path):
    write_run(tmp_path / "a", acc=0.9)
    assert table_of(tmp_path)[0]["test acc"] == "90.00%"


def test_the_spread_of_a_row_with_several_nets_is_that_over_their_seeds(tmp_path):
    """Nets that are 6 points apart do not hide an optimizer that is worse on each of them."""
    for model, base in (("lenet", 0.80), ("nin", 0.86), ("vgg11", 0.92)):
        for seed in (-1, 0, 1):
            for optimizer, less in (("adamw", 0.0), ("sgd", 0.002)):
                folder = tmp_path / f"{model}-{optimizer}-{seed}"
                write_run(folder, model=model, optimizer=optimizer, seed=seed, acc=base + seed / 10_000 - less)
    adamw, sgd = table_of(tmp_path, rows=["optimizer"], baseline="adamw")
    assert (adamw["test acc"], sgd["test acc"], sgd["change (points)"]) == ("86.00% ± 0.01", "85.80% ± 0.01", "−0.20")
    assert "pooled over more than seeds: adamw (model), sgd (model)" in notes_of(tmp_path, rows=["optimizer"])
    header, *lines = document.csv(make_report([tmp_path], rows=["optimizer"])).splitlines()
    assert (header.split(",")[-1], [line.split(",")[-1] for line in lines]) == ("pooled", ["model", "model"])
    assert "pooled" not in document.csv(make_report([tmp_path], rows=["optimizer", "model"]))


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
    assert (row["seeds"], "parameters" in row) == ("3/3 runs", False)
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


def test_a_precision_that_was_chosen_and_one_that_was_found_are_the_same(tmp_path):
    write_run(tmp_path / "found", **{"trainer.precision": "auto"})
    write_run(tmp_path / "chosen", seed=1, **{"trainer.precision": "bf16-mixed"})
    (row,) = table_of(tmp_path)
    assert row["seeds"] == "2/2"


def test_seeds_on_several_devices_are_one_kind_and_have_no_times(tmp_path):
    for seed, (acc, device) in enumerate(((0.90, "cpu"), (0.92, "cuda"))):
        folder = write_run(tmp_path / f"{seed}", seed=seed, acc=acc)
        write_record(folder, read_record(folder) | {"device": device})
    write_run(tmp_path / "other", model="nin", acc=0.95)
    first, other = table_of(tmp_path, rows=["model"], baseline="nin")
    assert (first["test acc"], first["s/epoch"], first["peak MiB"]) == ("91.00% ± 1.41", "", "")
    assert (other["s/epoch"], other["peak MiB"]) == ("10.0", "1,024")


def test_the_same_seed_on_several_devices_is_one(tmp_path):
    """Between devices figures differ in their last digits, which would pass for a small spread over seeds."""
    for model, seeds in (("lenet", (0,)), ("nin", (0, 1))):
        for seed in seeds:
            for device in ("cpu", "cuda"):
                acc = 0.9 + seed / 50 + 0.001 * (device == "cuda")
                folder = write_run(tmp_path / f"{model}-{seed}-{device}", model=model, seed=seed, acc=acc)
                write_record(folder, read_record(folder) | {"device": device})
    lenet, nin = table_of(tmp_path, rows=["model"], baseline="lenet")
    assert (lenet["test acc"], lenet["seeds"]) == ("90.05%", "2/2 runs")
    assert (nin["test acc"], nin["seeds"], nin["change (points)"]) == ("91.05% ± 1.41", "4/4 runs", "+1.00*")


def test_accuracies_on_other_images_are_not_compared(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", model="nin")
    write_run(tmp_path / "c", data="synthetic")
    rows = {row["data"] + row["model"]: row for row in table_of(tmp_path, baseline="lenet fashion_mnist")}
    assert {name: row["change (points)"] for name, row in rows.items()} == {
        "fashion_mnistlenet": "",
        "fashion_mnistnin": "0.00*",
        "syntheticlenet": "",
    }


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
    [
        (0.65149, "65.1%"),
        (0.99974, "99.97%"),
        (1.0, "100.0%"),
        (0.99996, "99.996%"),
        (0.0002, "0.02%"),
        (0.00004, "0.004%"),
        (-0.26, "−26.0%"),
    ],
)
def test_only_all_is_a_hundred_percent(share, text):
    assert percent(share) == text


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


def test_a_model_as_the_baseline_is_its_first_row_with_a_result(tmp_path):
    write_run(tmp_path / "a", model="nin", status="diverged", **{"optimizer.lr": 9.0})
    write_run(tmp_path / "b", model="nin", acc=0.8, **{"optimizer.lr": 0.2})
    write_run(tmp_path / "c", model="lenet", acc=0.9)
    assert [row["change (points)"] for row in table_of(tmp_path, baseline="nin")] == ["", "", "+10.00*"]
    for name in "bc":
        shutil.rmtree(tmp_path / name)
    assert "compared with" not in notes_of(tmp_path, baseline="nin")


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
    assert ("plotted against time" in notes_of(tmp_path)) is not comparable


def test_a_limit_beyond_all_images_is_none(tmp_path):
    """54 batches of 1,024 are all that 55,296 images make, however many were asked for."""
    for name, limit in (("a", 1.0), ("b", 100), ("c", 54), ("d", 53)):
        more = {"trainer.limit_train_batches": limit, "data.batch_size": 1024}
        folder = write_run(tmp_path / name / "run", model="alexnet", **more)
        write_record(folder, read_record(folder) | {"data": {"train": 55_296, "val": 4_704, "sha256": {}}})
    (a, b, c, d) = (read_runs([tmp_path / name])[0] for name in "abcd")
    assert [limit_of(run, "train") for run in (a, b, c, d)] == [1.0, 1.0, 1.0, 53]
    assert all(isinstance(limit_of(run, "train"), float) for run in (a, b, c))
    pooled = [{"runs": [run]} for run in (a, b, c, d)]
    assert comparable_times(pooled[:3])
    assert not comparable_times(pooled)


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


def test_a_cell_to_do_that_was_run_elsewhere_is_no_seed_more(tmp_path):
    record = read_record(write_run(tmp_path / "a" / "x"))
    cell = {"overrides": ["model=lenet"], "model": "lenet", "px": 28, "optimizer": "adamw", "seed": 0}
    cell |= {"group": "lenet-28", "problem": None, **{key: record[key] for key in ("choices", "config", "changed")}}
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "sweep.json").write_text(json.dumps({"cells": {"y": cell}}))
    (row,) = table_of(tmp_path)
    assert row["seeds"] == "1/1"
    cell["config"]["trainer"]["precision"] = "32-true"  # which is another one
    (tmp_path / "b" / "sweep.json").write_text(json.dumps({"cells": {"y": cell}}))
    assert [row["status"] for row in table_of(tmp_path)] == ["", "to do"]


def test_a_baseline_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    write_run(tmp_path / "a")
    with pytest.raises(UserError, match=r"no row 'vgg' .*\ntype one of 'lenet'"):
        make_report([tmp_path], baseline="vgg")


def test_seeds_of_different_nets_are_left_out_by_name(tmp_path):
    for name, px, seed, params in (("a", 224, 0, 9), ("b", 96, 0, 5), ("c", 96, 1, 6), ("d", 28, 0, 4)):
        write_run(tmp_path / name, model="vgg11", px=px, seed=seed, params=params, experiment="vgg_resolution")
    assert "Left out, because their seeds are not of the same net: vgg11 96." in paragraphs(tmp_path)


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


def test_a_run_of_before_there_was_a_key_has_what_is_usual(tmp_path):
    """Such as of a net that has got a new argument: the same seed is a repeat, and a value that was typed is told."""
    write_run(tmp_path / "old", seed=0)
    record = read_record(tmp_path / "old")
    del record["config"]["model"]["hidden"]
    write_record(tmp_path / "old", record)
    write_run(tmp_path / "new", seed=0)
    write_run(tmp_path / "typed", seed=0, **{"model.hidden": 512})
    assert [(row["settings"], row["seeds"]) for row in table_of(tmp_path)] == [("", "1/1"), ("hidden=512", "1/1")]
    assert "runs left out because they repeat another: 1" in notes_of(tmp_path)


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


def test_times_are_not_compared_across_protocols(tmp_path):
    write_run(tmp_path / "a", model="alexnet", seconds=20)
    folder = write_run(tmp_path / "b", model="nin", seconds=2)
    record = read_record(folder)
    write_record(folder, record | {"protocol": "course", "config": record["config"] | {"protocol": "course"}})
    assert table_of(tmp_path, baseline="alexnet holdout")[1].get("time saved") is None


def test_each_kind_costs_a_degree_of_freedom():
    assert spread([[0.1, 0.3], [0.7, 0.9]]) == Spread(pytest.approx(0.5), pytest.approx(0.02**0.5))


def test_what_is_usual_is_that_of_the_newest_run_wherever_it_lies(tmp_path):
    for name, day, hidden in (("a", "23", 512), ("b", "21", 4096), ("c", "20", None)):
        folder = write_run(tmp_path / name, seed=ord(name))
        record = read_record(folder) | {"started": f"2026-11-{day}T07:00:00+00:00"}
        record["config"]["model"]["hidden"] = hidden
        if hidden is None:
            del record["config"]["model"]["hidden"]
        write_record(folder, record)
    rows = {(row["settings"], row["seeds"]) for row in table_of(tmp_path)}
    assert rows == {("hidden=512", "2/2"), ("hidden=4096", "1/1")}


def test_epochs_of_a_failed_run_do_not_count(tmp_path):
    write_run(tmp_path / "a")
    write_run(tmp_path / "b", model="nin", status="failed", **{"trainer.max_epochs": 30})
    assert "training s" not in table_of(tmp_path)[0]


def test_numbers_stand_at_the_right_and_what_is_usual_is_not_said(tmp_path):
    write_run(tmp_path / "a")
    report = make_report([tmp_path])
    left = {column.key: column.left for column in tables(report)[0].columns}
    assert (left["model"], left["test_acc"]) == (True, False)
    assert not any("at a time" in line for line in note_lines(report))
    assert labels_of([{"device": "cpu", "threads": 2}], ["device", "threads"]) == ["cpu"]


def test_a_limit_beyond_all_test_images_is_none_under_the_protocol_of_the_course(tmp_path):
    for name, limit in (("a", 1.0), ("b", 1000)):
        folder = write_run(tmp_path / name, model=name, **{"trainer.limit_val_batches": limit})
        images = {"train": 60_000, "val": 0, "test": 10_000, "sha256": {}}
        write_record(folder, read_record(folder) | {"data": images})
    assert comparable_times([{"runs": read_runs([tmp_path])}])


def test_a_cell_that_asks_for_no_precision_is_one_that_was_completed_in_any(tmp_path):
    write_plan(tmp_path / "here", {"lenet": ("lenet", 28, 0, None)})
    plan = json.loads((tmp_path / "here" / "sweep.json").read_text())
    plan["cells"]["lenet"]["config"]["trainer"]["precision"] = "auto"
    (tmp_path / "here" / "sweep.json").write_text(json.dumps(plan))
    folder = write_run(tmp_path / "there")
    record = read_record(folder)
    record["config"]["trainer"]["precision"] = "auto"
    write_record(folder, record)
    (row,) = table_of(tmp_path)
    assert "status" not in row


def test_the_mean_of_a_row_is_that_of_all_its_runs():
    assert spread([[0.6], [0.9, 0.9]]).mean == pytest.approx(0.8)


def test_rows_never_pool_other_protocols(tmp_path):
    write_run(tmp_path / "a", acc=0.9)
    folder = write_run(tmp_path / "b", acc=0.2)
    record = read_record(folder)
    record["config"]["protocol"] = record["protocol"] = "course"
    write_record(folder, record)
    rows = table_of(tmp_path, rows=["model"])
    assert [(row["protocol"], row["test acc"]) for row in rows] == [("holdout", "90.00%"), ("course", "20.00%")]


def test_what_all_runs_have_is_said_once(tmp_path):
    for seed in (0, 1):
        write_run(tmp_path / f"{seed}", seed=seed)
    notes = notes_of(tmp_path).split("; ")
    assert "2026-11-22" in notes
    assert f"sha256 train-images {'f' * 12}" in notes
    assert "files of the data differ" not in notes
