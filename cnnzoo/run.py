"""One run from a configuration: builds net, data, classifier and trainer, trains, tests, and writes the record."""

import logging
import os
import time
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from filelock import FileLock, Timeout
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from omegaconf import OmegaConf
from rich.console import Console

from cnnzoo.analysis.cost import count_macs, count_parameters
from cnnzoo.blocks import BATCH_NORMS
from cnnzoo.build import build, build_net
from cnnzoo.config import CONF, RunConfig
from cnnzoo.data import ImageDataModule
from cnnzoo.errors import INTERRUPTED, BusyError, UserError
from cnnzoo.record import git_state, holds_run, package_versions, read_record, write_record
from cnnzoo.training.checkpoints import (
    BEST,
    FOLDER,
    LAST,
    AtomicCheckpointIO,
    checkpoint_callbacks,
    load_weights,
    step_of,
)
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.device import choose_device, describe_device, peak_bytes, resolve_precision
from cnnzoo.training.display import Display, print_summary
from cnnzoo.training.history import History
from cnnzoo.training.seeding import EpochSeed
from cnnzoo.training.tensorboard import RunLogger


@dataclass(frozen=True)
class Facts:
    """What is known of a run before any data are read.

    Attributes:
        precision: as Lightning calls it.
        stem: which of its stems the net chose.
        params: learned values.
        macs: multiply-adds for one image.
        input_shape: (C, H, W) of what the net sees.
    """

    precision: str
    stem: str
    params: int
    macs: int
    input_shape: tuple[int, int, int]


def train(config: RunConfig, run_dir: Path, *, resume: bool = False, slots: int = 1) -> dict[str, Any]:
    """Train, validate and test one net; write everything into `run_dir` and return the record.

    With `resume`, a run that is there already goes on after its last finished epoch, and a completed one is left alone.
    `slots` is how many runs share the machine, for the record: their timings are not those of one alone.

    Raises:
        UserError: the configuration is impossible, `run_dir` holds a run already, or the data cannot be had.
        SystemExit: Ctrl-C was pressed.
    """
    start = time.perf_counter()
    facts = check(config)
    run_dir.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(run_dir / ".lock", blocking=False):
            return _recorded_run(config, facts, run_dir, start, resume, slots)
    except Timeout:
        raise BusyError(f"another process is writing to {run_dir}\ntype hydra.run.dir=DIR with a new folder") from None


def check(config: RunConfig) -> Facts:
    """Build the net without its weights, its optimizer and its scheduler, and return what that tells.

    Raises:
        UserError: one of them cannot be built as the configuration has it.
    """
    data, options = config.values["data"], config.values["trainer"]
    try:
        precision = resolve_precision(options["precision"], choose_device(options["accelerator"]))
        with torch.device("meta"):
            net = build_net(config)
        optimizer = build(config.values["optimizer"])(net.parameters())
        build(config.values["scheduler"])(optimizer, total_steps=100)
        build_data(config).check_limits(options["limit_train_batches"], options["limit_val_batches"])
        if data["batch_size"] == 1 and any(isinstance(module, BATCH_NORMS) for module in net.modules()):
            raise ValueError("batch norm cannot learn from one image at a time\ntype data.batch_size=2 or more")
    except (TypeError, ValueError, RuntimeError) as error:
        raise UserError(str(error).splitlines()[0] if isinstance(error, RuntimeError) else str(error)) from error
    shape = (data["channels"], data["resize"], data["resize"])
    return Facts(precision, net.stem, count_parameters(net), count_macs(net.eval(), shape), shape)


def build_data(config: RunConfig) -> ImageDataModule:
    """Return the configured data module; it has not read anything yet."""
    facts = ("channels", "num_classes")  # stand in the configuration for the nets
    arguments = {key: value for key, value in config.values["data"].items() if key not in facts}
    data = build(arguments | {key: config.values[key] for key in ("protocol", "seed")})
    assert isinstance(data, ImageDataModule)
    return data


def _recorded_run(
    config: RunConfig, facts: Facts, run_dir: Path, start: float, resume: bool, slots: int
) -> dict[str, Any]:
    if holds_run(run_dir):
        if not resume:
            raise UserError(f"{run_dir} already holds a run\ntype hydra.run.dir=DIR with a new folder")
        if (done := read_record(run_dir))["status"] == "completed":
            return done
    last = run_dir / FOLDER / f"{LAST}.ckpt"
    checkpoint = last if resume and last.exists() else None
    history = History(run_dir, resume_step=step_of(checkpoint) if checkpoint else 0)
    before = sum(row["seconds"] for row in history.rows)
    device = choose_device(config.values["trainer"]["accelerator"])
    record: dict[str, Any] = {
        "status": "running",
        "name": config.name,
        "choices": config.choices,
        "config": config.values,
        "seed": config.values["seed"],
        "protocol": config.values["protocol"],
        **asdict(facts),
        "metrics": {},
        "epochs": 0,
        "seconds": {"setup": None, "per_epoch": None, "total": None},
        "images_per_second": None,
        "peak_bytes": None,
        "device": describe_device(device),
        "threads": torch.get_num_threads(),
        "slots": slots,
        "versions": package_versions(),
        "git": git_state(CONF.parent),
        "data": None,
        "error": None,
    }
    write_record(run_dir, record)
    (run_dir / "config.yaml").write_text(OmegaConf.to_yaml(config.values), encoding="utf-8")
    console, data = Console(), build_data(config)
    try:
        record["metrics"] = _fit_and_test(config, facts, device, data, history, console, run_dir, checkpoint)
        record["status"] = "completed"
    except BaseException as error:
        interrupted = isinstance(error, KeyboardInterrupt | SystemExit)  # Lightning turns Ctrl-C into SystemExit(1)
        record["status"] = "preempted" if interrupted else "failed"
        record["error"] = str(error) if isinstance(error, UserError) else traceback.format_exc()
        if interrupted:
            raise SystemExit(INTERRUPTED) from error
        raise
    finally:
        setup = round(history.started - start, 3) if history.started else None
        total = round(before + time.perf_counter() - start, 3)
        record |= {
            "epochs": len(history.rows),
            "seconds": {"setup": setup, "per_epoch": history.median("seconds"), "total": total},
            "images_per_second": history.median("images_per_second"),
            "peak_bytes": peak_bytes(device),
            "data": data.facts,
        }
        write_record(run_dir, record)
    print_summary(record, os.path.relpath(run_dir), console)
    return record


def _fit_and_test(
    config: RunConfig,
    facts: Facts,
    device: torch.device,
    data: ImageDataModule,
    history: History,
    console: Console,
    run_dir: Path,
    checkpoint: Path | None,
) -> dict[str, float]:
    values, holdout = config.values, config.values["protocol"] == "holdout"
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # below, it lists the devices that it does not use
    # Deterministic mode fills new tensors with NaN, to help debugging; that costs time in every step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    lightning.seed_everything(values["seed"], workers=True, verbose=False)
    net = build_net(config).to(memory_format=torch.channels_last)
    if values["compile"]:
        net.compile()
    classifier = ImageClassifier(
        net,
        make_optimizer=build(values["optimizer"]),
        make_scheduler=build(values["scheduler"]),
        num_classes=values["data"]["num_classes"],
        label_smoothing=values["label_smoothing"],
        validated_as="val" if holdout else "test",
    )
    checkpoints = checkpoint_callbacks(run_dir, monitor="val/acc" if holdout else None)
    resumed = {"purge_step": history.rows[-1]["step"] + 1} if history.rows else {}
    logger = RunLogger(run_dir, name="", version="", **resumed)
    logger.experiment.add_text("config", f"```\n{OmegaConf.to_yaml(values)}```")
    trainer = lightning.Trainer(
        **values["trainer"] | {"accelerator": device.type, "precision": facts.precision},
        devices=1,
        callbacks=[EpochSeed(values["seed"]), history, Display(history, console), *checkpoints],
        plugins=[AtomicCheckpointIO(), LightningEnvironment()],  # which leaves requeueing to who started the job
        logger=logger,
        default_root_dir=run_dir,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    with warnings.catch_warnings():
        # The images are in memory: a worker process would only copy them.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        if checkpoint:
            warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")
        # Lightning 2.6.6 asks torch 2.14 in a way that is about to change: lightning/pytorch/utilities/_pytree.py.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
        trainer.fit(classifier, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        if holdout:
            classifier.load_state_dict(load_weights(run_dir / FOLDER / f"{BEST}.ckpt"))
        trainer.test(classifier, datamodule=data, verbose=False)
    reported = max(history.rows, key=lambda row: row["val/acc"]) if holdout else history.rows[-1]
    figures = {name: reported[name] for name in ("epoch", *classifier.metrics) if name in reported}
    return figures | {name: round(float(value), 6) for name, value in trainer.callback_metrics.items()}
