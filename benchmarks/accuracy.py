"""Seconds from the command to a test accuracy, beside the course's own recipe and loop."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.nn import functional as F
from torch.optim import SGD
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

from benchmarks.cases import Scope
from benchmarks.isolated import isolated
from benchmarks.loops import WORKERS, lay_out
from cnnzoo.build import build_net
from cnnzoo.config import compose_config
from cnnzoo.record import read_record
from cnnzoo.report.tables import Column, to_markdown

ROOT = Path(__file__).parents[1]
SMALL = ["model=lenet_bn", "model.activation=relu", "model.pooling=max"]
RUNS = {  # how many epochs are enough was found on the validation set
    "lenet": ["model=lenet"],
    "lenet, 5 epochs": ["model=lenet", "trainer.max_epochs=5"],
    "lenet_bn, ReLU and max pooling, 3 epochs": [*SMALL, "trainer.max_epochs=3"],
    "lenet_bn, ReLU and max pooling, 10 epochs": [*SMALL],
}
COURSE = {"batch_size": 256, "lr": 0.9, "epochs": 10}  # d2l section 7.6
BARS = (0.88, 0.90)


def own(overrides: list[str]) -> tuple[float, float]:
    """Return the wall time of `python train.py`, start-up and test included, and the test accuracy."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", *overrides, f"hydra.run.dir={folder}/run"]
        begin = time.perf_counter()
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        seconds = time.perf_counter() - begin
        return seconds, read_record(Path(folder) / "run")["metrics"]["test/acc"]


def course(folder: Path) -> list[tuple[float, float]]:
    """Return (seconds so far, test accuracy) after each epoch of the course's LeNet."""
    begin = time.perf_counter()
    torch.manual_seed(0)
    net = build_net(compose_config(["experiment=course/lenet"]))
    optimizer = SGD(net.parameters(), lr=COURSE["lr"])
    train, test = (
        DataLoader(
            FashionMNIST(str(folder), train=training, transform=ToTensor()),
            batch_size=int(COURSE["batch_size"]),
            shuffle=training,
            num_workers=WORKERS,
        )
        for training in (True, False)
    )
    epochs = []
    for _ in range(int(COURSE["epochs"])):
        net.train()
        total = 0.0
        for images, labels in train:
            logits = net(images)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(labels) + (logits.argmax(1) == labels).sum().item()
        net.eval()
        with torch.no_grad():
            right = sum((net(images).argmax(1) == labels).sum().item() for images, labels in test)
        epochs.append((time.perf_counter() - begin, right / len(test.dataset)))  # type: ignore[arg-type]
    return epochs


def measure(scope: Scope) -> str:
    """Return a table of the wall times and test accuracies, and of the bars that were reached."""
    rows = []
    for name, overrides in RUNS.items():
        seconds, accuracy = own(overrides)
        rows.append({"name": f"cnnzoo: {name}", "seconds": seconds, "accuracy": accuracy})
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder))
        for epoch, (seconds, accuracy) in enumerate(isolated(course, Path(folder)), start=1):
            rows.append({"name": f"course: lenet, epoch {epoch}", "seconds": seconds, "accuracy": accuracy})
    best = max(rows[len(RUNS) :], key=lambda row: row["accuracy"])
    rows = [*rows[: len(RUNS)], rows[-1], *([best] if best is not rows[-1] else [])]
    for row in rows:
        row |= {f"{bar}": "✓" if row["accuracy"] >= bar else "✗" for bar in BARS}
    columns = [
        Column("name", "recipe", left=True),
        Column("seconds", "seconds", "{:.0f}".format),
        Column("accuracy", "test acc", "{:.2%}".format),
        *(Column(f"{bar}", f"≥ {bar:.0%}") for bar in BARS),
    ]
    return to_markdown(columns, rows)
