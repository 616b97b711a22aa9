"""Runs as `cnnzoo.run` leaves them behind, without any training."""

import csv
import json

from cnnzoo.record import write_record

CLASSES = ("shirt", "coat", "bag")
HISTORY = ("epoch", "step", "train/loss", "train/acc", "val/loss", "val/acc", "lr", "seconds", "images_per_second")


def write_run(folder, *, model="lenet", px=28, seed=0, acc=0.9, seconds=10.0, status="completed", **more):
    """Write the folder of a run; `more` are values of the configuration such as `model.width`, and `params`."""
    params = more.pop("params", 60_000)
    record = {
        "status": status,
        "started": "2026-11-22T07:00:00+00:00",
        **asked_for(model, px, seed, **more),
        "protocol": "holdout",
        "precision": "bf16-mixed",
        "stem": "paper",
        "params": params,
        "conv_params": params // 4,
        "dense_params": params // 2,
        "num_convs": 5,
        "num_dense": 3,
        "macs": 10 * params,
        "metrics": {"val/acc": acc + 0.01, "test/acc": acc} if status == "completed" else {},
        "seconds": {"per_epoch": seconds, "total": 2 * seconds},
        "images_per_second": 1000 / seconds,
        "peak_bytes": 2**30,
        "device": "cpu",
        "threads": 2,
        "slots": 1,
        "versions": {"torch": "2.14.1"},
        "git": {"commit": "0123456789abcdef", "dirty": False},
        "data": {"sha256": {"train-images": "f" * 64}},
        "error": None if status == "completed" else "out of paper",
    }
    folder.mkdir(parents=True)
    write_record(folder, record)
    if status == "completed":
        with (folder / "metrics.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HISTORY)
            writer.writerows(
                [[1, 10, 1.5, 0.5, 1.5, acc - 0.1, 0.1, 5, 99], [2, 20, 0.5, 0.9, 0.5, acc + 0.01, 0, 5, 99]]
            )
        with (folder / "confusion.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["true", *CLASSES])
            writer.writerows([name, *(90 if name == other else 5 for other in CLASSES)] for name in CLASSES)
    return folder


def asked_for(model, px, seed, *, optimizer="adamw", data="fashion_mnist", experiment=None, **changed):
    """Return what `run.json` and `sweep.json` say alike of a run."""
    config = {
        "model": {"_target_": "x", "image_size": px, "width": 1.0, "hidden": 4096, "lr": {"adamw": 0.1}},
        "data": {"resize": px, "batch_size": 64, "root": "data"},
        "optimizer": {"lr": 0.1},
        "trainer": {"max_epochs": 2, "limit_train_batches": 1.0},
        "protocol": "holdout",
        "seed": seed,
        "label_smoothing": 0.0,
    }
    for key, value in changed.items():
        first, last = key.split(".")
        config[first][last] = value
    choices = {"model": model, "optimizer": optimizer, "data": data}
    choices |= {"experiment": experiment} if experiment else {}
    return {"choices": choices, "config": config, "changed": changed}


def write_plan(folder, cells):
    """Write the plan of a sweep, for cells given by name: (model, px, seed, problem)."""
    plan = {
        name: {"overrides": [f"model={model}"], "model": model, "px": px, "optimizer": "adamw", "seed": seed}
        | {"group": f"{model}-{px}", "problem": problem, "params": None if problem else 5, **asked_for(model, px, seed)}
        for name, (model, px, seed, problem) in cells.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({"cells": plan}))
