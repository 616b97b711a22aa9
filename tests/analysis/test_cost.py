import torch
from torch import nn

from cnnzoo.analysis.cost import count_macs, count_parameters


def test_multiply_adds_by_hand():
    with torch.device("meta"):
        net = nn.Sequential(
            nn.Conv2d(4, 6, 3, padding=1, groups=2),  # 10 * 10 outputs of 6 maps, each from 2 maps of 3 * 3
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(150, 7),
        )
    assert count_macs(net, (4, 10, 10)) == 100 * 6 * 2 * 9 + 150 * 7
    assert count_parameters(net) == 6 * 2 * 9 + 6 + 150 * 7 + 7
