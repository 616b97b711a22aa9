"""Training and testing by Lightning's Trainer: what `run.py` does between the two versions of the record."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from omegaconf import OmegaConf

from cnnzoo.build import build, build_net, build_optimizer
from cnnzoo.commands import resume_command
from cnnzoo.config import RunConfig
from cnnzoo.console import RunConsole
from cnnzoo.data import ImageDataModule
from cnnzoo.disk import CHECKPOINTS
from cnnzoo.errors import UserError
from cnnzoo.pictures import Pictures
from cnnzoo.record import flatten
from cnnzoo.report.pool import short_value
from cnnzoo.rules import is_setting
from cnnzoo.training.checkpoint_files import BEST
from cnnzoo.training.checkpoints import AtomicCheckpointIO, Checkpoints
from cnnzoo.training.classifier import ImageClassifier
from cnnzoo.training.device import speed_up
from cnnzoo.training.display import Display
from cnnzoo.training.history import History
from cnnzoo.training.mistakes import Mistakes
from cnnzoo.training.saved_state import load_weights
from cnnzoo.training.signals import StopRequest
from cnnzoo.training.tensorboard import HyperParameters, LossCurve, RunLogger
from cnnzoo.training.watch import Watch

NOT_TOLD = ("data.channels", "data.num_classes", "trainer.accelerator")  # by TensorBoard's table of runs
TOLD_FIRST = ("data.resize", "model", "optimizer", "scheduler", "seed")


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
        step: optimizer steps up to there.
        stop: whether to stop.
        console: where to print.
        pieces: in how many each batch is computed, to take less memory.
    """

    config: RunConfig
    run_dir: Path
    device: torch.device
    precision: str
    data: ImageDataModule
    history: History
    checkpoint: Path | None
    step: int
    stop: StopRequest
    console: RunConsole
    pieces: int = 1

    @property
    def micro_batch_size(self) -> int:
        """Images that are computed at a time."""
        return int(self.config.values["data"]["batch_size"]) // self.pieces


def fit_and_test(job: Job) -> dict[str, float]:
    """Train, then test the best epoch's weights, or under the course's protocol the last one's; return the figures."""
    holdout = job.config.values["protocol"] == "holdout"
    classifier = _make_classifier(job.config, job.device)
    trainer = _make_trainer(job, monitor="val/acc" if holdout else None)
    job.data.pieces = job.pieces
    with warnings.catch_warnings():
        # The images are in memory: a worker process would only copy them.
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        # The data module leaves out what has been trained on (`ImageDataModule.load_state_dict`).
        warnings.filterwarnings("ignore", message="You're resuming from a checkpoint that ended before the epoch")
        # Where only the evaluation of an epoch is left, its training figures come from the checkpoint.
        warnings.filterwarnings("ignore", message=".*was called before the ``update`` method")
        # Where 16-mixed leaves out the first step, because its gradients overflow until the scale is found.
        warnings.filterwarnings("ignore", message=r"Detected call of `lr_scheduler\.step")
        # Lightning 2.6.6 asks torch 2.14 in a way that is about to change: lightning/pytorch/utilities/_pytree.py.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*is deprecated.*")
        trainer.fit(classifier, datamodule=job.data, ckpt_path=job.checkpoint, weights_only=True)
        if holdout:
            classifier.net.load_state_dict(_best_weights(job.run_dir))
        trainer.test(classifier, datamodule=job.data, verbose=False)
    row = job.history.reported
    figures = {name: row[name] for name in ("epoch", *classifier.metrics) if name in row}
    return figures | {name: round(float(value), 6) for name, value in trainer.callback_metrics.items()}


def _best_weights(run_dir: Path) -> dict[str, Any]:
    try:
        return load_weights(run_dir / CHECKPOINTS / BEST)
    except UserError as error:
        what, *_ = str(error).splitlines()
        raise UserError(
            f"{what}\ntype {resume_command(run_dir)}: it trains what is lost again, and keeps what there is"
        ) from error


def _make_classifier(config: RunConfig, device: torch.device) -> ImageClassifier:
    values = config.values
    lightning.seed_everything(values["seed"], workers=True, verbose=False)
    net = speed_up(build_net(config), device)
    if values["compile"]:
        net.compile()
        net.training_logits = torch.compile(net.training_logits)  # type: ignore[method-assign]
    return ImageClassifier(
        net,
        make_optimizer=build_optimizer(config),
        make_scheduler=build(values["scheduler"]),
        label_smoothing=values["label_smoothing"],
        validated_as="val" if values["protocol"] == "holdout" else "test",
    )


def _make_trainer(job: Job, *, monitor: str | None) -> lightning.Trainer:
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)  # it tells which devices it does not use
    # Deterministic mode fills new tensors with NaN, to help debugging; that costs time in every step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    values = job.config.values
    environment = LightningEnvironment()  # which leaves requeueing to who started the job
    environment.set_global_rank(0)  # a run is one process, whatever RANK or SLURM_PROCID say of the job it is part of
    # Steps are counted from 0. What an earlier attempt logged beyond the checkpoint, this one logs again.
    logger = RunLogger(job.run_dir, name="", version="", purge_step=job.step)
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
    options = values["trainer"] | {"accelerator": job.device.type, "precision": job.precision}
    if job.pieces > 1:
        for stage, batches in job.data.num_batches().items():
            limit = options[f"limit_{stage}_batches"]
            whole = limit if isinstance(limit, int) else int(limit * batches)
            options[f"limit_{stage}_batches"] = min(whole, batches) * job.pieces
    mistakes = Mistakes(job.run_dir, job.data.class_names)
    callbacks = [job.history, Display(job.history, job.console), watch, LossCurve(), checkpoints, mistakes]
    if values["pictures"]:
        callbacks += [
            Pictures(job.data.class_names, mistakes, job.history),
            HyperParameters(_told_apart(job), job.history),
        ]
    trainer = lightning.Trainer(
        **options,
        accumulate_grad_batches=job.pieces,
        devices=1,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO(), environment],
        logger=logger,
        default_root_dir=job.run_dir,
        enable_model_summary=False,
        enable_progress_bar=False,
        num_sanity_val_steps=0,
        log_every_n_steps=1,
    )
    # `StopRequest` answers signals. Lightning's answer to SIGTERM ends a run with exit code 0, and unsaved.
    trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
    return trainer


def _told_apart(job: Job) -> dict[str, str | float]:
    """Return what TensorBoard's table of runs shows beside their figures: everything, as it finds what differs.

    It shows the first five by name, which could all be arguments of nets: a space before them puts others in front.
    """
    told: dict[str, Any] = {key: job.config.choices[key] for key in ("model", "optimizer", "scheduler", "data")}
    settings = {key: value for key, value in flatten(job.config.values).items() if is_setting(key)}
    told |= {key: value for key, value in settings.items() if key not in NOT_TOLD}
    told["trainer.precision"] = job.precision
    told = {key: value if type(value) in (int, float) else short_value(value) for key, value in told.items()}
    return {f" {key}" if key in TOLD_FIRST else key: value for key, value in told.items()}
