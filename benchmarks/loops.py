"""The same net trained by several loops.

* own: `cnnzoo.run.train`, as `python train.py` calls it, all defaults, logging on.
* course: the course's loop: torchvision's data set, PIL resize and ToTensor image by image, a DataLoader with the
  course's 4 workers, or as many as there are cores, float32, `.item()` in every step.
* template: Lightning's Trainer with the same DataLoader, metrics updated and logged in every step, as templates for
  Lightning and Hydra have it.
* limit: a bare loop over one batch that stays on the device, with the precision, memory format, optimizer and
  allocator of `own`: no data, no logging, no Lightning.
"""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Adam, Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric
from torchmetrics.classification import MulticlassAccuracy
from torchvision.datasets import FashionMNIST
from torchvision.transforms import Compose, Resize, ToTensor

from benchmarks.cases import ROOT, Case
from benchmarks.course import WORKERS, course_step
from benchmarks.stopwatch import Enough, Stopwatch
from cnnzoo.build import build_net, build_optimizer
from cnnzoo.config import RunConfig
from cnnzoo.data.files import load_files
from cnnzoo.run import train
from cnnzoo.training.device import choose_device, keep_freed_memory, resolve_precision, speed_up

LR = 0.001  # small enough for every net in every loop
AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16, "32-true": torch.float32}


def run_loop(
    loop: str,
    case: Case,
    next_turn: Callable[[float | None], float],
    torchvision_folder: Path,
    *overrides: str,
) -> None:
    """Run one loop, timed in turns, until `next_turn` raises `Enough`.

    Args:
        loop: one of `LOOPS` or `OTHERS`.
        case: what it trains.
        next_turn: see `Stopwatch`.
        torchvision_folder: where `torchvision.datasets.FashionMNIST` finds its files; see `lay_out`.
        *overrides: as on the command line of `train.py`; only `own` and `limit` heed others than the net's.
    """
    stopwatch = Stopwatch(next_turn)
    batches = DataLoader.__iter__

    def iterate(loader: DataLoader[Any]) -> Any:  # which every loop does at each end of an epoch
        stopwatch.stand_still()
        return batches(loader)

    handle = register_optimizer_step_post_hook(stopwatch)
    try:
        with quietly(), mock.patch.object(DataLoader, "__iter__", iterate):
            (LOOPS | OTHERS)[loop](case, torchvision_folder, *overrides)
    except Enough:
        return
    finally:
        handle.remove()
    raise AssertionError(f"{loop} ended by itself")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Leave out what loops print, and warnings such as the template's of too few workers."""
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)  # in a process that does nothing else
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield


def dtype_of(config: RunConfig) -> torch.dtype:
    """Return what products are computed in."""
    return AUTOCAST[resolve_precision(config.values["trainer"]["precision"], choose_device("auto"))]


def _own(case: Case, torchvision_folder: Path, *overrides: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        without_end = ["trainer.max_epochs=100000", "watch.patience=null", f"data.root={ROOT / 'data'}"]
        train(case.config(*without_end, *overrides), Path(folder) / "run")


def bare_step(case: Case, *overrides: str, compile_mode: str | None = None) -> Callable[[], None]:
    """Return what trains the net on one batch in memory, compiled where a mode of `torch.compile` is given."""
    config, device = case.config(*overrides), choose_device("auto")
    keep_freed_memory()
    dtype = dtype_of(config)
    net = speed_up(build_net(config).to(device), device).train()
    if compile_mode:
        net.compile(mode=compile_mode)
    optimizer = build_optimizer(config)(net.parameters())
    images = torch.randn(case.batch_size, 1, case.resize, case.resize, device=device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(10, (case.batch_size,), device=device)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            logits = net(images)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def _limit(case: Case, torchvision_folder: Path, *overrides: str, compile_mode: str | None = None) -> None:
    step = bare_step(case, *overrides, compile_mode=compile_mode)
    while True:
        step()


def product_side() -> int:
    """Return the rows and columns of the matrices whose products show what the device can do at most."""
    return 2048 if choose_device("auto").type == "cpu" else 8192


def _products(case: Case, torchvision_folder: Path, *overrides: str) -> None:
    """Multiply matrices in the precision of `own`; the stopwatch takes each product for a step."""
    device, side = choose_device("auto"), product_side()
    a, b, product = (torch.randn(side, side, device=device, dtype=dtype_of(case.config())) for _ in range(3))
    told = SGD([nn.Parameter(torch.zeros(1))])
    while True:
        torch.mm(a, b, out=product)
        told.step()


def _course(case: Case, torchvision_folder: Path, *overrides: str) -> None:
    device = choose_device("auto")
    net = build_net(case.config(*overrides)).to(device).train()
    optimizer = SGD(net.parameters(), lr=LR)
    loader, loss, right = _loader(case, torchvision_folder), 0.0, 0.0
    while True:
        for batch in loader:
            step = course_step(net, optimizer, *(each.to(device) for each in batch))
            loss, right = loss + step[0], right + step[1]


def _template(case: Case, torchvision_folder: Path, *overrides: str) -> None:
    module = TemplateModule(build_net(case.config(*overrides)))
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(devices=1, max_epochs=1000, default_root_dir=folder)
        trainer.fit(module, _loader(case, torchvision_folder))


def _loader(case: Case, torchvision_folder: Path) -> DataLoader[Any]:
    resize = [Resize(case.resize)] if case.resize != 28 else []
    data = FashionMNIST(str(torchvision_folder), train=True, transform=Compose([*resize, ToTensor()]))
    return DataLoader(data, batch_size=case.batch_size, shuffle=True, num_workers=WORKERS, drop_last=True)


class TemplateModule(lightning.LightningModule):
    """A classifier as templates have it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.loss, self.accuracy = MeanMetric(), MulticlassAccuracy(10)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the loss, and log it with the accuracy."""
        images, labels = batch
        logits = self.net(images)
        loss = F.cross_entropy(logits, labels)
        self.loss(loss)
        self.accuracy(logits.argmax(1), labels)
        self.log("train/loss", self.loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("train/acc", self.accuracy, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def configure_optimizers(self) -> Optimizer:
        """Return Adam, as they have it."""
        return Adam(self.parameters(), lr=LR)


def lay_out(folder: Path) -> None:
    """Write the verified files of Fashion-MNIST where torchvision looks for them below `folder`."""
    raw = folder / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for name, found in load_files(ROOT / "data").items():
        (raw / name).write_bytes(found.data)


LOOPS: dict[str, Callable[..., None]] = {
    "own": _own,
    "course": _course,
    "template": _template,
    "limit": _limit,
}
PEAK = "peak"
OTHERS: dict[str, Callable[..., None]] = {
    PEAK: _products,
    "graphs": partial(_limit, compile_mode="reduce-overhead"),  # with CUDA graphs
}
