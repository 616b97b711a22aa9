"""Training and testing by Lightning's Trainer: what `run.py` does between the two versions of the record."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from omegaconf import OmegaConf
from rich.console import Console

from cnnzoo.build import build, build_net
from cnnzoo.config import RunConfig
from cnnzoo.data import ImageDataModule
from cnnzoo.training.checkpoint_files import BEST, FOLDER
from cnnzoo.training.checkpoints import AtomicCheckpointIO, Checkpoints, load_weights
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.display import Display
from cnnzoo.training.history import History
from cnnzoo.training.signals import StopRequest
from cnnzoo.training.tensorboard import RunLogger
from cnnzoo.training.watch import Watch


@dataclass(frozen=True)
class Job:
    """What `fit_and_test` is given.

    Attributes:
        config: what was asked for.
        run_dir: where everything goes.
        device: what it is computed on.
        precision: as Lightning calls it.
        data: not read yet.
        history: with the rows of the epochs up to `checkpoint`.
        checkpoint: where to go on, or None.
        stop: whether to stop.
        console: where to print.
    """

    config: RunConfig
    run_dir: Path
    device: torch.device
    precision: str
    data: ImageDataModule
    history: History
    checkpoint: Path | None
    stop: StopRequest
    console: Console


def fit_and_test(job: Job) -> dict[str, float]:
    """Train, then test the best epoch's weights, or under the course's protocol the last one's; return the figures."""
    values, rows = job.config.values, job.history.rows
    holdout = values["protocol"] == "holdout"
    classifier = _make_classifier(job.config)
    trainer = _make_trainer(job, monitor="val/acc" if holdout else None)
    with warnings.catch_warnings():
        # The images are in memory: a worker process would only copy them.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # The data module leaves out what has been trained on (`ImageDataModule.load_state_dict`).
        warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before the epoch")
        # Where only the evaluation of an epoch is left, its training figures come from the checkpoint.
        warnings.filterwarnings("ignore", message=".*was called before the ``update`` method")
        # Lightning 2.6.6 asks torch 2.14 in a way that is about to change: lightning/pytorch/utilities/_pytree.py.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
        trainer.fit(classifier, datamodule=job.data, ckpt_path=job.checkpoint, weights_only=True)
        if holdout:
            classifier.net.load_state_dict(load_weights(job.run_dir / FOLDER / BEST))
        trainer.test(classifier, datamodule=job.data, verbose=False)
    reported = max(rows, key=lambda row: row["val/acc"]) if holdout else rows[-1]
    figures = {name: reported[name] for name in ("epoch", *classifier.metrics) if name in reported}
    return figures | {name: round(float(value), 6) for name, value in trainer.callback_metrics.items()}


def _make_classifier(config: RunConfig) -> ImageClassifier:
    values = config.values
    lightning.seed_everything(values["seed"], workers=True, verbose=False)
    net = build_net(config).to(memory_format=torch.channels_last)
    if values["compile"]:
        net.compile()
    return ImageClassifier(
        net,
        make_optimizer=build(values["optimizer"]),
        make_scheduler=build(values["scheduler"]),
        num_classes=values["data"]["num_classes"],
        label_smoothing=values["label_smoothing"],
        validated_as="val" if values["protocol"] == "holdout" else "test",
    )


def _make_trainer(job: Job, *, monitor: str | None) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # below, it lists the devices that it does not use
    # Deterministic mode fills new tensors with NaN, to help debugging; that costs time in every step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    values, rows = job.config.values, job.history.rows
    logger = RunLogger(job.run_dir, name="", version="", **({"purge_step": rows[-1]["step"] + 1} if rows else {}))
    logger.experiment.add_text("config", f"```\n{OmegaConf.to_yaml(values)}```")
    patience, num_classes = values["watch"]["patience"], values["data"]["num_classes"]
    watch = Watch(history=job.history, patience=patience, num_classes=num_classes)
    checkpoints = Checkpoints(
        job.run_dir,
        history=job.history,
        monitor=monitor,
        every_minutes=values["checkpoint"]["every_minutes"],
        stop=job.stop,
        watch=watch,
    )
    return lightning.Trainer(
        **values["trainer"] | {"accelerator": job.device.type, "precision": job.precision},
        devices=1,
        callbacks=[job.history, Display(job.history, job.console), watch, checkpoints],
        plugins=[AtomicCheckpointIO(), LightningEnvironment()],  # which leaves requeueing to who started the job
        logger=logger,
        default_root_dir=job.run_dir,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
