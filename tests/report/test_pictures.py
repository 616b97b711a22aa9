from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import torch

from cnnzoo import pictures
from cnnzoo.build import build_net
from cnnzoo.pictures import Pictures
from cnnzoo.report.pictures import GAP, TILE, draw_confusion, draw_filters, draw_images, draw_maps
from tests.composed import compose_config


def tile(picture, row, column, height):
    y, x = GAP + row * height, GAP + column * (TILE + GAP)
    return picture[y : y + TILE, x : x + TILE, 0]


def test_images_are_in_their_places_on_one_scale():
    images = np.stack([np.full((4, 4), value) for value in (-1.0, 0.0, 1.0)])
    picture = draw_images(images, ["low", "middle", "high"], columns=2)
    height = TILE + GAP + 15
    assert [int(tile(picture, row, column, height).mean()) for row, column in ((0, 0), (0, 1), (1, 0))] == [0, 127, 255]
    assert (picture[GAP + TILE : GAP + TILE + 15] < 100).any()  # the label


def test_mistakes_are_named_by_what_they_are_and_what_they_were_taken_for(monkeypatch):
    shown = {}
    monkeypatch.setattr(pictures, "_show", lambda trainer, name, picture: shown.update({name: picture}))
    monkeypatch.setattr(pictures, "writer_of", lambda trainer: SimpleNamespace(add_graph=lambda *_: None))
    monkeypatch.setattr(pictures, "draw_images", lambda images, labels: labels)
    worst = (torch.zeros(2, 1, 28, 28), torch.tensor([1, 2]), torch.tensor([3, 0]))
    mistakes = SimpleNamespace(confusion=torch.eye(10, dtype=torch.long), worst=worst)
    net = build_net(compose_config(["model=mlp"]))
    Pictures("abcdefghij", mistakes, None)._draw(None, net, torch.zeros(1, 1, 28, 28))
    assert shown["visuals/worst mistakes"] == ["true: b\npred: d", "true: c\npred: a"]


def test_drawing_counts_for_no_epoch(monkeypatch):
    """Of a net whose epoch takes a second on a GPU it would be a tenth."""
    at_work = []

    class Clock:
        @contextmanager
        def not_counted(self):
            at_work.append("stopped")
            yield
            at_work.append("running")

    monkeypatch.setattr(pictures, "_show", lambda *_: at_work.append("shown"))
    monkeypatch.setattr(pictures, "draw_images", lambda *_: at_work.append("drawn"))
    callback = Pictures("abcdefghij", None, Clock())
    batch = (torch.zeros(2, 1, 28, 28), torch.tensor([1, 2]))
    for epoch, index in ((0, 0), (0, 1), (1, 0)):
        callback.on_train_batch_end(SimpleNamespace(current_epoch=epoch), None, None, batch, index)
    assert at_work == ["stopped", "drawn", "shown", "running"]


def test_grey_is_no_weight():
    weights = np.zeros((2, 1, 3, 3))
    weights[0, 0, 0, 0] = -2.0
    picture = draw_filters(weights)
    size = TILE // 2
    first, second = (picture[GAP : GAP + size, x : x + size, 0] for x in (GAP, 2 * GAP + size))
    assert (first.min(), set(second.ravel().tolist())) == (0, {127})


def test_maps_have_a_row_for_each_stage():
    chance = np.random.default_rng(0)
    stages = {"stage1": chance.random((6, 5, 5)), "stage2": chance.random((40, 1, 1))}
    picture = draw_maps(chance.random((8, 8)), stages)
    assert picture.shape == (GAP + 3 * (TILE + GAP), 110 + 12 * (TILE + GAP), 3)


def test_the_confusion_is_darkest_where_most_images_are():
    counts = np.array([[9, 1, 0], [0, 10, 0], [10, 0, 0]])
    picture = draw_confusion(counts, ["shirt", "coat", "bag"]).astype(int)
    cells = picture[-(3 * 40 + GAP) : -GAP, -(3 * 40 + GAP) : -GAP].reshape(3, 40, 3, 40, 3)[:, 3, :, 3].sum(-1)
    assert np.array_equal(np.argsort(cells, axis=1)[:, 0], [0, 1, 0])
    assert cells[0, 0] > cells[1, 1]  # 90 % is lighter than 100 %
    assert cells[0, 2] == 3 * 255
