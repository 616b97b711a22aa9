"""Cells are composed as Hydra composes each of them by itself."""

import pytest
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from cnnzoo import composer as composer_module
from cnnzoo import config as config_module
from cnnzoo.composer import compose
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


def composed(how, overrides):
    try:
        return how(overrides)
    except (ValueError, HydraException, OmegaConfBaseException) as error:
        return explain(error, overrides)


def test_what_it_composes_and_raises_is_what_hydra_does():
    for overrides in CELLS:
        expected = composed(compose_config, overrides)
        assert composed(compose, overrides) == expected, overrides
        if not isinstance(expected, str):  # once more, from what is known
            assert composed(compose, overrides) == expected, overrides


@pytest.mark.parametrize(
    ("choices", "others"),
    [
        (["model=vgg11"], 0),
        (["model=vgg11", "optimizer=sgd"], 0),
        (["experiment=course/vgg11", "optimizer=sgd"], 1),  # and what the files say without the experiment
    ],
)
def test_hydra_is_asked_once_for_all_that_choose_alike(choices, others, monkeypatch):
    asked = []
    unresolved = config_module.compose_unresolved
    config_module.schema.cache_clear()
    monkeypatch.setattr(config_module, "_composed", {})
    monkeypatch.setattr(config_module, "compose_unresolved", lambda each: asked.append(each) or unresolved(each))
    monkeypatch.setattr(composer_module, "compose_config", lambda _: pytest.fail("asked for one of them"))
    for seed in range(3):
        config = compose([f"seed={seed}", *choices, f"data.resize={96 + seed}"])
        assert (config.values["seed"], config.values["model"]["image_size"]) == (seed, 96 + seed)
    assert asked[0] == tuple(choices)
    assert len(asked) == 1 + others


def test_what_the_files_say_is_the_same_however_options_are_named(monkeypatch):
    """Each by itself first, so that nothing is known from before."""
    said = []
    for choices in (("optimizer=sgd", "model=vgg11"), ("model=vgg11", "optimizer=sgd", "trainer=default")):
        config_module.schema.cache_clear()
        monkeypatch.setattr(config_module, "_composed", {})
        said += [config_module.schema(choices), config_module.schema_of(compose_config(choices))]
    assert said == [said[0]] * 4
    assert said[0].choices["optimizer"] == "sgd"
    config_module.compose_choices(("~scheduler",))
    assert compose_config([]).choices["scheduler"] == "onecycle"
    assert config_module.schema(()).choices["scheduler"] == "onecycle"
