"""Cells are composed as Hydra composes each of them by itself."""

import pytest
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from cnnzoo import composer as composer_module
from cnnzoo.composer import Composer
from cnnzoo.config import compose_config
from cnnzoo.explain import explain

CELLS = [
    ["seed=1"],
    ["data.resize=224", "model=vgg11", "model.width=0.5", "optimizer=sgd"],
    ["model=vgg11", "optimizer=sgd", "optimizer.lr=1", "model.width=2"],
    ["optimizer=adam", "optimizer.betas=[0.5,0.9]", "trainer.gradient_clip_val=null"],
    ["data.root='my data'", "compile=true", "label_smoothing=1e-1"],
    ["data=synthetic", "data.num_train=240", "trainer=smoke", "scheduler=step", "scheduler.milestones=[0.5]"],
    ["experiment=course/lenet", "optimizer.lr=0.5", "model.norm=batch"],
    ["experiment=course/lenet", "optimizer=adam", "scheduler=onecycle", "optimizer.weight_decay=0.1"],
    ["experiment=course/lenet", "optimizer=rmsprop", "optimizer.momentum=0.5"],
    ["seed=${data.resize}"],
    ["+model.init=xavier", "seed=1"],
    ["~model.norm"],
    ["model.lr={adamw: 0.5}"],
    # Mistakes.
    ["seed=1,2"],
    ["model=lenett", "seed=1"],
    ["model.width=0.5"],
    ["model=vgg11", "modle.width=0.5"],
    ["model=[lenet,vgg11]"],
    ["data=28"],
    ["data.resize={a: 1}"],
    ["model.init.name=xavier"],
    ["lenet"],
    ["data.root=~/data"],
    ["seed=${nothing}"],
    ["model@data=lenet"],
]


def composed(compose, overrides):
    try:
        return compose(overrides)
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        return explain(error, overrides)


def test_what_it_composes_and_raises_is_what_hydra_does():
    composer = Composer()
    for overrides in CELLS:
        expected = composed(compose_config, overrides)
        assert composed(composer.compose, overrides) == expected, overrides
        if not isinstance(expected, str):  # once more, from what is known
            assert composed(composer.compose, overrides) == expected, overrides


@pytest.mark.parametrize("more", [[], ["optimizer=sgd"]])
def test_hydra_is_asked_once_for_all_that_choose_alike(more, monkeypatch):
    asked = []
    compose = composer_module.compose_unresolved
    monkeypatch.setattr(composer_module, "compose_unresolved", lambda each: asked.append(each) or compose(each))
    monkeypatch.setattr(composer_module, "compose_config", lambda _: pytest.fail("asked for one of them"))
    composer = Composer()
    for seed in range(3):
        config = composer.compose([f"seed={seed}", "model=vgg11", *more, f"data.resize={96 + seed}"])
        assert (config.values["seed"], config.values["model"]["image_size"]) == (seed, 96 + seed)
    assert asked == [("model=vgg11", *more)]
