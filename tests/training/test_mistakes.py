import csv
from types import SimpleNamespace

import torch

from cnnzoo.training.mistakes import WORST, Mistakes

NAMES = ("shirt", "coat", "bag")


def counted(folder, batches):
    mistakes = Mistakes(folder, NAMES)
    module = SimpleNamespace(device=torch.device("cpu"))
    mistakes.on_test_start(None, module)
    for index, (logits, labels) in enumerate(batches):
        images = labels.float().reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2) + 10 * index
        mistakes.on_test_batch_end(None, module, logits, (images, labels), index)
    mistakes.on_test_end(None, module)
    return mistakes


def test_each_image_is_counted_by_what_it_is_and_what_it_was_taken_for(tmp_path):
    logits = torch.tensor([[2.0, 0, 0], [0, 2, 0], [0, 0, 2], [0, 2, 0]])
    counted(tmp_path, [(logits, torch.tensor([0, 1, 2, 2])), (logits, torch.tensor([1, 1, 1, 1]))])
    with (tmp_path / "confusion.csv").open(newline="") as file:
        header, *lines = csv.reader(file)
    assert header == ["true", *NAMES]
    assert lines == [["shirt", "1", "0", "0"], ["coat", "1", "3", "1"], ["bag", "0", "1", "1"]]


def test_the_worst_mistakes_come_first_over_all_batches(tmp_path):
    first = torch.tensor([[0.0, 1, 0], [5, 0, 0]]), torch.tensor([0, 0])  # one small mistake, one right
    second = torch.tensor([[0.0, 0, 9], [0, 3, 0]]), torch.tensor([1, 2])  # a large one and one between
    images, true, predicted = counted(tmp_path, [first, second]).worst
    assert true.tolist() == [1, 2, 0]
    assert predicted.tolist() == [2, 1, 1]
    assert images[:, 0, 0, 0].tolist() == [11, 12, 0]


def test_not_all_mistakes_are_kept(tmp_path):
    logits = torch.randn(5 * WORST, 3)
    mistakes = counted(tmp_path, [(logits, (logits.argmax(1) + 1) % 3)])
    losses = torch.nn.functional.cross_entropy(logits, (logits.argmax(1) + 1) % 3, reduction="none")
    assert len(mistakes.worst[0]) == WORST
    assert mistakes.worst[1][0] == (logits[losses.argmax()].argmax() + 1) % 3


def test_a_net_without_mistakes_has_none(tmp_path):
    logits = 9 * torch.eye(3)
    images, true, _ = counted(tmp_path, [(logits, torch.arange(3))]).worst
    assert len(images) == len(true) == 0
