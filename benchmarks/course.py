"""The course's own step, and its LeNet as a command that imports nothing that it has no use for."""

import os
import sys

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader
from torchvision.datasets import FashionMNIST
from torchvision.transforms import ToTensor

from cnnzoo.build import build_net
from cnnzoo.config import compose_config

BATCH_SIZE, LR, EPOCHS = 256, 0.9, 10  # of the course's LeNet: d2l section 7.6
WORKERS = min(4, os.cpu_count() or 1)  # the course's four, or as many as there are cores


def course_step(net: nn.Module, optimizer: Optimizer, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Train on one batch as the course does; return the loss, summed over its images, and how many were right."""
    logits = net(images)
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.item() * len(labels), (logits.argmax(1) == labels).sum().item()


def train_lenet(folder: str, seed: int) -> None:
    """Train LeNet as the course does, and print the test accuracy after each epoch."""
    torch.manual_seed(seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = build_net(compose_config(["experiment=course/lenet"])).to(device)
    optimizer = SGD(net.parameters(), lr=LR)
    train, test = (
        DataLoader(
            FashionMNIST(folder, train=training, transform=ToTensor()),
            batch_size=BATCH_SIZE,
            shuffle=training,
            num_workers=WORKERS,
        )
        for training in (True, False)
    )
    for _ in range(EPOCHS):
        net.train()
        for images, labels in train:
            course_step(net, optimizer, images.to(device), labels.to(device))
        net.eval()
        with torch.no_grad():
            right = [(net(images.to(device)).argmax(1) == labels.to(device)).float() for images, labels in test]
        print(torch.cat(right).mean().item(), flush=True)


if __name__ == "__main__":
    train_lenet(sys.argv[1], int(sys.argv[2]))
