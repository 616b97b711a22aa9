"""What `--help` says of keys comes from the comments in `conf/`, which name what can be chosen."""

import re

import pytest

from cnnzoo.blocks import ACTIVATIONS, INITS, NORMS, POOLINGS
from cnnzoo.choices import CONF, options
from cnnzoo.data.augment import AUGMENTATIONS
from cnnzoo.help import help_text

CHOICES = {
    "activation": ACTIVATIONS,
    "augment": AUGMENTATIONS,
    "init": INITS,
    "norm": NORMS,
    "pooling": POOLINGS,
    "stem": ("auto", "paper", "small"),
}


@pytest.mark.parametrize("file", sorted(path.relative_to(CONF).as_posix() for path in CONF.glob("[dm]*/*.yaml")))
def test_comments_name_every_choice(file):
    found = re.findall(r"^(\w+): (\w+)(?:  # (.*))?$", (CONF / file).read_text(encoding="utf-8"), re.MULTILINE)
    for key, value, comment in found:
        if key in CHOICES:
            of_others = {"zero_gamma"} if key == "init" and "resnet" not in file.partition("_")[0] else set()
            assert {value, *comment.split(", ")} == {*CHOICES[key]} - of_others, key


@pytest.mark.parametrize("net", options("model"))
def test_what_a_net_inherits_is_explained(net):
    text = help_text("train", [f"model={net}", "scheduler=onecycle", "trainer=smoke"])
    assert re.search(r"\n  min_size: \d+  # smallest data.resize\n", text)
    assert "\n  warmup: 0.2  # share of the run\n" in text  # scheduler/onecycle, not trainer
    assert "\n  limit_train_batches: 4  # a share of the batches, or a whole number of them\n" in text
    assert "\nwatch:\n  patience: 3  # epochs at chance" in text


def test_what_an_experiment_says_of_another_optimizer_is_not_shown():
    text = help_text("train", ["experiment=course/lenet", "optimizer=adam", "scheduler=onecycle"])
    optimizer = text.partition("\noptimizer:\n")[2].partition("\nscheduler:\n")[0]
    assert "  lr: ${model.lr.adam}" in optimizer
    assert "momentum" not in optimizer
    assert "  warmup: 0.2" in text
    assert "  lr: 0.9" in help_text("train", ["experiment=course/lenet"])


def test_a_net_says_its_own_words_before_those_it_inherits():
    assert "  norm: batch  # none, scratch\n" in help_text("train", ["model=googlenet_bn"])


def test_of_several_choices_the_others_are_named_whichever_is_chosen():
    text = help_text("train", ["experiment=course/vgg11", "data.augment=strong", "trainer.precision=32-true"])
    assert "  init: xavier  # kaiming, normal, default\n" in text
    assert "  augment: strong  # flip, crop_flip, none\n" in text
    assert "  precision: 32-true  # auto, bf16-mixed, 16-mixed\n" in text


def test_what_hydra_accepts_is_shown_as_it_is():
    assert "  root: 数据  # folder of" in help_text("train", ["model=lenet.yaml", "data.root='数据'"])
