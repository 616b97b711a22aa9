import shutil
import subprocess
import sys

import pytest
from hydra.errors import HydraException
from torch.optim.lr_scheduler import ReduceLROnPlateau

from cnnzoo import choices, cli, config, facts
from cnnzoo.checks import changes, check_config, nearest
from cnnzoo.choices import CONF, groups, options
from cnnzoo.errors import UserError
from cnnzoo.explain import explain
from cnnzoo.training import schedules
from tests.composed import compose_config

# What is typed, and what the first line of the answer says.
REFUSED = {
    "trainer.limit_val_batches=0.0": "trainer.limit_val_batches must be a share from 0.0 to 1.0 or a whole number",
    "optimizer.weight_decay=-1": "optimizer.weight_decay must be a number, 0 or more (got -1)",
    "data.resize=abc": "data.resize must be a whole number of pixels, 1 to 1024 (got 'abc')",
    "data.resize=96.0": "data.resize must be a whole number of pixels, 1 to 1024 (got 96.0)",
    "data.resize=null": "data.resize must be a whole number of pixels, 1 to 1024 (got None)",
    "data.resize=": "data.resize must be a whole number of pixels, 1 to 1024 (got nothing)",
    "data.resize=0": "data.resize must be a whole number of pixels, 1 to 1024 (got 0)",
    "data.resize=-1": "data.resize must be a whole number of pixels, 1 to 1024 (got -1)",
    "data.resize=100000": "data.resize must be a whole number of pixels, 1 to 1024 (got 100000)",
    "data.resize=true": "data.resize must be a whole number of pixels, 1 to 1024 (got True)",
    "data.resize=8": "images of 8 px are too small: lenet needs data.resize >= 12",
    "data.batch_size=0": "data.batch_size must be a whole number, at least 1 (got 0)",
    "data.batch_size=3.5": "data.batch_size must be a whole number, at least 1 (got 3.5)",
    "data.augment=autoaugment": "data.augment must be one of none, flip, crop_flip, strong (got 'autoaugment')",
    "data.channels=3": "data.channels is a fact of the images, 1",
    "trainer.precision=fp7": "trainer.precision must be one of auto, 32-true, bf16-mixed, 16-mixed (got 'fp7')",
    "trainer.deterministic=1": "trainer.deterministic must be one of true, false, warn (got 1)",
    "trainer.limit_val_batches=0": "trainer.limit_val_batches must be a share from 0.0 to 1.0 or a whole number of",
    "trainer.gradient_clip_val=-1": "trainer.gradient_clip_val must be a number above 0, or null (got -1.0)",
    "optimizer.lr=0": "optimizer.lr must be a number above 0 (got 0)",
    f"optimizer.lr={10**400}": "optimizer.lr must be a number above 0 (got 1000",
    "optimizer.lr=.inf": "optimizer.lr must be a number above 0 (got '.inf')",
    "scheduler.warmup=1": "scheduler.warmup must be a number from 0 to below 1 (got 1)",
    "checkpoint.every_minutes=abc": "checkpoint.every_minutes must be a number above 0, or null (got 'abc')",
    "checkpoint.every_minutes=0": "checkpoint.every_minutes must be a number above 0, or null (got 0)",
    "seed=null": "seed must be a whole number, 0 to 4294967295 (got None)",
    "protocol=honest": "protocol must be one of holdout, course (got 'honest')",
    "compile=maybe": "compile must be true or false (got 'maybe')",
    "label_smoothing=0.95": "label_smoothing must be a number from 0 to 0.9 (got 0.95)",
    "model.activation=3": "model.activation must be a word (got 3)",
    "model.image_size=96": "model.image_size follows data.resize",
    "~scheduler": "scheduler must be one of its options",
    "~model.image_size": "model.image_size follows data.resize",
    "model.lr.sgd=fast": "model.lr.sgd must be a number (got 'fast')",
    "model.lr=0.1": "model.lr has a rate for each optimizer",
    "+modle=lenet": "unknown key 'modle'; did you mean model?",
    "++data.resizee=96": "unknown key 'data.resizee'; did you mean data.resize",
    "+data.deep.er=1": "unknown key 'data.deep'",
    "~trainer.max_epochs": "trainer.max_epochs must be a whole number, at least 1 (got nothing)",
    "model=mlp model.hidden=[-5]": "model.hidden must be a list of whole numbers, at least 1 (got [-5])",
    "model=mlp model.hidden=[abc]": "model.hidden must be a list of whole numbers, at least 1 (got ['abc'])",
    "model=vgg11 model.width=1e308": "model.width must be a number above 0, at most 100 (got 1e+308)",
    "model.padding=-3": "model.padding must be a whole number, at least 0 (got -3)",
    "scheduler=step scheduler.milestones=[7]": "scheduler.milestones must be a list of shares between 0 and 1",
    "data=synthetic data.num_train=24": "data.num_train must be a whole number, 120 to 10000000 (got 24)",
    "model._target_=cnnzoo.models.MLP": "model._target_=cnnzoo.models.MLP is refused",
    "model._target_=os.system": "model._target_=os.system is refused",
    "model._target_=torch.load": "model._target_=torch.load is refused",
    "+model.hook._target_=builtins.open": "unknown key 'model.hook'",
}
ACCEPTED = [
    "trainer.gradient_clip_val=1.0",
    "trainer.gradient_clip_val=1",
    "trainer.limit_train_batches=0.5",
    "optimizer.lr=1",
    "optimizer.lr=1e-3",
    "data.resize=12",
    "model.lr.adamw=1",
    "model=lenet_bn",
    "trainer.deterministic=true",
    "experiment=course/lenet",
]


@pytest.mark.parametrize(("override", "answer"), REFUSED.items())
def test_what_cannot_be_is_refused_in_words(override, answer):
    with pytest.raises(UserError) as refusal:
        check_config(compose_config(override.split()))
    lines = str(refusal.value).splitlines()
    assert lines[0].startswith(answer)
    assert len(lines) <= 6


@pytest.mark.parametrize("override", ACCEPTED)
def test_what_can_be_is_accepted(override):
    check_config(compose_config([override]))


@pytest.mark.parametrize("choice", [f"{group}={option}" for group in groups() for option in options(group)])
def test_every_file_in_conf_is_accepted(choice):
    check_config(compose_config([choice]))


@pytest.fixture
def own_conf(tmp_path, monkeypatch):
    """A copy of `conf/`, to which files may be added."""
    shutil.copytree(CONF, tmp_path / "conf")
    for module in (choices, config):
        monkeypatch.setattr(module, "CONF", tmp_path / "conf")
    clears = (config.schema.cache_clear, config._usual.cache_clear, config._composed.clear)
    for clear in clears:
        clear()
    yield tmp_path / "conf"
    for clear in clears:
        clear()


MINE = "_target_: cnnzoo.models.MLP\n"
EVERY = "in_channels: ${data.channels}\nnum_classes: ${data.num_classes}\nimage_size: ${data.resize}\n"
EVERY += "init: xavier\nmin_size: 1\nlr: {adamw: 0.1}\n"
ADAM = "_target_: torch.optim.Adam\n_partial_: true\nweight_decay: 0.0\n"
OWN_FILES = {  # a file, its text, what is typed, and what the answer says; nothing where it is right
    "a class of one's own": (
        "optimizer/mine",
        ADAM.replace("torch.optim", "mine") + "lr: 0.1\n",
        "optimizer=mine",
        "optimizer._target_=mine.Adam does not begin with torch.optim.\nmend it in its yaml",
    ),
    "betas": ("optimizer/mine", f"{ADAM}lr: 0.1\nbetas: [0.9, 0.95]\n", "optimizer=mine", None),
    "other betas": (
        "optimizer/mine",
        f"{ADAM}lr: 0.1\nbetas: [0.9, 0.95]\n",
        "optimizer=mine optimizer.betas=[x]",
        "optimizer.betas must be a list of numbers (got ['x'])\ntype for example optimizer.betas=[0.9, 0.95]",
    ),
    "kernels": ("optimizer/mine", f"{ADAM}lr: 0.1\nforeach: true\n", "optimizer=mine", None),
    "no rate": (
        "optimizer/mine",
        ADAM + "lr: ${model.lr.mine}\n",
        "optimizer=mine",
        "lenet has no learning rate for mine\ntype optimizer.lr=0.001, or add mine under lr in conf/model/lenet.yaml",
    ),
    "typed rate": ("optimizer/mine", ADAM + "lr: ${model.lr.mine}\n", "optimizer=mine optimizer.lr=0.01", None),
    "wrong rate": (
        "optimizer/mine",
        ADAM + "lr: ${model.lr.mine}\n",
        "optimizer=mine optimizer.lr=0",
        "optimizer.lr must be a number above 0 (got 0)\ntype for example optimizer.lr=0.001",
    ),
    "no class": (
        "optimizer/mine",
        "_partial_: true\nlr: 0.1\n",
        "optimizer=mine",
        "conf/optimizer/mine.yaml has no _target_\nadd a line _target_: ..., as in the files beside it",
    ),
    "no lr": (
        "optimizer/mine",
        ADAM,
        "optimizer=mine",
        "conf/optimizer/mine.yaml has no lr\nadd a line lr: ..., as in the files beside it",
    ),
    "not partial": (
        "scheduler/mine",
        "_target_: cnnzoo.training.schedules.cosine\nwarmup: 0.1\n",
        "scheduler=mine",
        "conf/scheduler/mine.yaml has no _partial_\nadd a line _partial_: ..., as in the files beside it",
    ),
    "lists": ("model/mine", f"{MINE}{EVERY}depths: [[1, 2], [3]]\naxis: -1\n", "model=mine", None),
    "other axis": ("model/mine", f"{MINE}{EVERY}axis: -1\n", "model=mine model.axis=-2", None),
    "no size": (
        "model/mine",
        MINE + EVERY.replace("image_size: ${data.resize}\n", ""),
        "model=mine",
        "conf/model/mine.yaml has no image_size\nadd image_size: ${data.resize}, as in",
    ),
    "no smallest": (
        "model/mine",
        MINE + EVERY.replace("min_size: 1\n", ""),
        "model=mine",
        "conf/model/mine.yaml has no min_size\nadd a line min_size: ..., as in",
    ),
    "smallest in words": (
        "model/mine",
        MINE + EVERY.replace("min_size: 1", "min_size: small"),
        "model=mine",
        "model.min_size must be a whole number of pixels, at least 1 (got 'small')\n"
        "mend it in the file where it stands, in conf/model",
    ),
    "width in channels": ("model/mine", f"{MINE}{EVERY}width: 128\n", "model=mine model.width=256", None),
    "width in few channels": ("model/mine", f"{MINE}{EVERY}width: 16\n", "model=mine model.width=128", None),
    "part of a channel": (
        "model/mine",
        f"{MINE}{EVERY}width: 16\n",
        "model=mine model.width=1.5",
        "model.width must be a whole number, at least 1 (got 1.5)\ntype for example model.width=16",
    ),
    "whole factor": ("model/mine", f"{MINE}{EVERY}scale: 2\n", "model=mine model.scale=0.5", None),
    "width as a whole number": ("model/mine", f"{MINE}{EVERY}width: 1\n", "model=mine model.width=0.5", None),
    "no channels": (
        "model/mine",
        f"{MINE}{EVERY}width: 128\n",
        "model=mine model.width=0.5",
        "model.width must be a whole number, at least 1 (got 0.5)\ntype for example model.width=128",
    ),
    "ours": (
        "trainer/mine",
        "defaults: [default]\naccumulate_grad_batches: 4\n",
        "trainer=mine",
        "trainer.accumulate_grad_batches is chosen by cnnzoo\nleave it out of conf/trainer/mine.yaml",
    ),
    "another loop": (  # speeds, and the epoch that is the best, would be wrong
        "trainer/mine",
        "defaults: [default]\nval_check_interval: 0.5\n",
        "trainer=mine",
        "trainer.val_check_interval is chosen by cnnzoo\nleave it out of conf/trainer/mine.yaml",
    ),
    "schedule": (
        "scheduler/mine",
        "_target_: torch.optim.lr_scheduler.ExponentialLR\n_partial_: true\n",
        "scheduler=mine",
        "scheduler._target_=torch.optim.lr_scheduler.ExponentialLR does not begin with cnnzoo.training.schedules.",
    ),
    "five classes": (
        "data/mine",
        "defaults: [synthetic]\nnum_classes: 5\n",
        "data=mine",
        None,
    ),
    "a typing error": (
        "experiment/mine",
        "# @package _global_\ntrainer: {max_epoch: 1}\n",
        "experiment=mine",
        "unknown key 'trainer.max_epoch'; did you mean trainer.max_epochs?",
    ),
    "another choice": (
        "experiment/mine",
        "# @package _global_\ndefaults:\n  - override /model: vgg11\nmodel: {width: 0.5}\n",
        "experiment=mine model=lenet",
        "experiment=mine sets model.width, which model=lenet does not have\ntype ~model.width, or leave",
    ),
    "package": (
        "experiment/mine",
        "trainer: {max_epochs: 1}\n",
        "experiment=mine",
        "conf/experiment/mine.yaml lacks its first line\nbegin it with # @package _global_",
    ),
    "choice": (
        "experiment/mine",
        "# @package _global_\nmodel: vgg11\n",
        "experiment=mine",
        "model is a group of keys, and 'vgg11' is not\n"
        "in conf/experiment/mine.yaml, write under defaults: - override /model: vgg11",
    ),
    "no package, choice": (
        "experiment/mine",
        "defaults:\n  - override /model: vgg11\n",
        "experiment=mine",
        "conf/experiment/mine.yaml lacks its first line\nbegin it with # @package _global_",
    ),
    "a list of options": (
        "experiment/mine",
        "# @package _global_\nmodel: lenet,mlp\n",
        "experiment=mine",
        "model is a group of keys, and 'lenet,mlp' is not\n"
        "in conf/experiment/mine.yaml, write under hydra.sweeper.params: model: lenet,mlp",
    ),
    "no list": (
        "experiment/mine",
        "# @package _global_\ntrainer: [1]\n",
        "experiment=mine",
        "conf/experiment/mine.yaml: a list stands where a group of keys is to be, or the other way round\nsweep",
    ),
    "launcher": (
        "experiment/mine",
        "# @package _global_\nhydra: {launcher: submitit_slurm}\n",
        "experiment=mine",
        "conf/experiment/mine.yaml: submitit_slurm is the option of a group of Hydra\nwrite - override /hydra",
    ),
    "slash": (
        "experiment/mine",
        "# @package _global_\ndefaults:\n  - override model: vgg11\n",
        "experiment=mine",
        "conf/experiment/mine.yaml: model is no group there\nwrite - override /model: ..., with a slash",
    ),
}


@pytest.mark.parametrize(("file", "text", "typed", "answer"), OWN_FILES.values(), ids=OWN_FILES)
def test_mistakes_in_files_of_ones_own_are_answered_in_words(file, text, typed, answer, own_conf):
    (own_conf / f"{file}.yaml").write_text(text)
    try:
        check_config(compose_config(typed.split()))
        said = None
    except (UserError, HydraException) as error:
        said = explain(error, typed.split())
    assert (said or "").startswith(answer or "")
    assert (said is None) == (answer is None)


@pytest.mark.parametrize(
    ("file", "text", "typed"),
    [
        ("optimizer/mine", ADAM + "lr: ${model.lr.mine}\n", "model=lenet,mlp optimizer=mine optimizer.lr=0.01"),
        ("model/mine", MINE + EVERY.replace("adamw", "sgd"), "model=mine optimizer=sgd,adam seed=0,1"),
    ],
)
def test_a_grid_of_an_optimizer_or_a_net_of_ones_own_needs_no_rate_that_it_does_not_use(
    file, text, typed, own_conf, monkeypatch
):
    (own_conf / f"{file}.yaml").write_text(text)
    monkeypatch.setattr(sys, "argv", ["sweep.py", *typed.split()])
    monkeypatch.setattr(cli, "typed", sys.argv[:])
    monkeypatch.setattr(cli, "kept_back", [])
    cli.keep_back()
    assert sorted([*sys.argv[1:], *cli.kept_back]) == sorted(["--multirun", *typed.split()])


def test_what_is_typed_is_not_blamed_on_the_experiment():
    with pytest.raises((UserError, HydraException)) as refusal:
        check_config(compose_config(["experiment=course/lenet", "optimizer=adam", "optimizer.momentum=0.5"]))
    assert str(refusal.value).startswith("unknown key 'optimizer.momentum'")


def test_a_rate_that_is_called_otherwise_is_named(own_conf):
    (own_conf / "optimizer" / "mine.yaml").write_text(ADAM + "lr: ${model.lr.nadm}\n")
    with pytest.raises(
        UserError, match=r"no learning rate for mine\ntype .*, or add nadm under lr in conf/model/lenet"
    ):
        compose_config(["optimizer=mine"])


@pytest.mark.parametrize(("make", "made"), [(lambda _: None, "NoneType"), (ReduceLROnPlateau, "ReduceLROnPlateau")])
def test_a_schedule_that_is_none_is_refused_before_anything_is_read(make, made, monkeypatch):
    monkeypatch.setattr(schedules, "constant", lambda optimizer, total_steps, warmup: make(optimizer))
    config = compose_config(["scheduler=constant"])
    with pytest.raises(UserError, match=rf"scheduler=constant makes {made}, and not what is stepped after each batch"):
        facts.check(config)


def test_the_limits_of_a_trial_are_told():
    assert changes(compose_config(["trainer=smoke"]))["trainer.limit_train_batches"] == 4
    assert changes(compose_config(["trainer.limit_train_batches=4"])) == {"trainer.limit_train_batches": 4}


def test_several_faults_are_answered_together():
    with pytest.raises(UserError) as refusal:
        check_config(compose_config(["data.resize=0", "data.batch_size=0", "seed=-1", "protocol=x"]))
    lines = str(refusal.value).splitlines()
    assert len(lines) == 6
    assert sum("must be" in line for line in lines) == 3


def test_a_size_that_other_arguments_make_possible_is_left_to_the_net():
    check_config(compose_config(["data.resize=8", "model.padding=5"]))


def test_near_names_are_found():
    assert nearest("lenett", ["lenet", "lenet_bn", "mlp"]) == "; did you mean lenet, lenet_bn?"
    assert nearest("xyz", ["lenet", "mlp"]) == ""
    keys = ["model.init", "model.width", "optimizer.lr", "trainer.max_epochs", "fresh", "data.resize"]
    assert nearest("model.widht", keys) == "; did you mean model.width?"
    assert nearest("lr", keys) == "; did you mean optimizer.lr?"
    assert nearest("data.resiz", keys) == "; did you mean data.resize?"
    assert nearest("data.resize", keys) == ""
    assert nearest("SGD", ["adam", "sgd"]) == "; did you mean sgd?"
    assert nearest("optimizer.learning_rate", keys) == "; did you mean optimizer.lr?"


def test_a_span_of_numbers_is_answered_with_a_range():
    with pytest.raises(
        UserError, match=r"seed has one value in a run .*\ntype python sweep.py 'seed=range\(0,3\)' for"
    ):
        check_config(compose_config(["seed=0-2"]))


def test_the_default_choices_are_the_documented_ones():
    plain = compose_config([])
    assert plain.name == "lenet-28-adamw-s0"
    assert plain.choices["scheduler"] == "onecycle"
    assert plain.values["trainer"]["max_epochs"] == 10


def test_checking_imports_nothing_heavy():
    code = (
        "import sys; from cnnzoo.checks import *; from cnnzoo.config import *; check_config(compose_config([]));"
        "sys.exit(bool({'torch', 'lightning', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("option", ["adam", "rmsprop", "sgd"])
def test_what_an_experiment_says_of_its_optimizer_and_schedule_holds_for_these_alone(option):
    course = compose_config(["experiment=course/lenet", f"optimizer={option}", "scheduler=step"]).values
    plain = compose_config([f"optimizer={option}", "scheduler=step"]).values
    assert course["scheduler"] == plain["scheduler"]
    assert (course["optimizer"] == plain["optimizer"]) == (option != "sgd")
    assert (
        course["data"] | course["trainer"]
        == compose_config(["experiment=course/lenet"]).values["data"] | plain["trainer"]
    )


def test_what_a_grid_or_a_parent_says_of_optimizers_holds_as_it_is_meant(own_conf):
    (own_conf / "experiment" / "grid.yaml").write_text(  # it chooses none, so that it is for all of them
        "# @package _global_\nhydra: {sweeper: {params: {optimizer: 'sgd,rmsprop'}}}\noptimizer: {lr: 0.02}\n"
    )
    (own_conf / "experiment" / "child.yaml").write_text(
        "# @package _global_\ndefaults: [course/lenet, _self_]\noptimizer: {lr: 0.7}\n"
    )
    for option in ("sgd", "rmsprop"):
        assert compose_config(["experiment=grid", f"optimizer={option}"]).values["optimizer"]["lr"] == 0.02
    assert compose_config(["experiment=child"]).values["optimizer"]["lr"] == 0.7
    child, plain = (compose_config([*more, "optimizer=rmsprop"]).values for more in (["experiment=child"], []))
    assert child["optimizer"] == plain["optimizer"]


def test_an_optimizer_that_is_taken_away_beside_an_experiment_is_answered():
    with pytest.raises(UserError, match=r"unknown key 'optimizer\.momentum'"):
        check_config(compose_config(["experiment=course/lenet", "~optimizer"]))


def test_what_is_typed_beside_an_experiment_stays():
    config = compose_config(["experiment=course/lenet", "optimizer=rmsprop", "optimizer.lr=0.9"])
    assert (config.values["optimizer"]["lr"], config.values["optimizer"]["momentum"]) == (0.9, 0.9)


@pytest.mark.parametrize("share", ["0", "1"])
def test_a_milestone_is_within_the_run(share):
    with pytest.raises(UserError, match=r"^scheduler\.milestones must be a list of shares between 0 and 1"):
        check_config(compose_config(["scheduler=step", f"scheduler.milestones=[{share}]"]))


@pytest.mark.parametrize("number", [2**53 + 1, 10**400])
def test_a_whole_number_that_no_float_is_stays_as_it_was_typed(number):
    assert compose_config([f"optimizer.weight_decay={number}"]).values["optimizer"]["weight_decay"] == number
