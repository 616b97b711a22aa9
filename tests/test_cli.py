"""The command lines as a user meets them: real processes, but for plans, each of which would load torch."""

import dataclasses
import gc
import io
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl

import sweep
import train as train_module
from cnnzoo.__main__ import main
from cnnzoo.data.synthetic import PATTERNS, make_synthetic
from cnnzoo.importing import importing_torch
from tests.conftest import ROOT
from tests.typed import type_in

# What is typed, what the answer contains, and whether it must come at once, without torch, which takes seconds.
REFUSED = [
    (["model=vgg99"], ["unknown model 'vgg99'", "all of them:", "lenet"], True),
    (["model=lenett"], ["did you mean lenet, "], True),
    (["data.resize=abc"], ["data.resize must be a whole number", "type for example data.resize=28"], True),
    (["data.batch_size=0"], ["data.batch_size must be"], True),
    (["trainer.precision=fp7"], ["one of auto, 32-true, bf16-mixed, 16-mixed"], True),
    (["modle=lenet"], ["unknown key 'modle'; did you mean model?"], True),
    (["data.resizee=96"], ["unknown key 'data.resizee'; did you mean data.resize"], True),
    (["+modle=lenet"], ["unknown key 'modle'; did you mean model?"], True),
    (["lenet"], ["cannot read 'lenet'", "type key=value"], True),
    (["--model=lenet"], ["are written without dashes", "type model=lenet"], True),
    (["-x"], ["'-x' is no option", "python train.py --help"], True),
    (["model=lenet,mlp"], ["has several values, and this is one run"], True),
    (["seed=range(3)"], ["'seed=range(3)' has several values, and this is one run"], True),
    (["model=vgg11", "model.widht=0.5"], ["did you mean model.width?", "python train.py model=vgg11 --help"], True),
    (["model.width=0.5"], ["unknown key 'model.width': lenet has none", "python train.py --help"], True),
    (["data=synthetic", "data.root=x"], ["synthetic has none", "python train.py data=synthetic --help"], True),
    (["lr=0.1"], ["did you mean optimizer.lr?"], True),
    (["epochs=3"], ["did you mean trainer.max_epochs?"], True),
    (["plan=true"], ["'plan' is a key of grids", "type python sweep.py"], True),
    (["vgg11"], ["cannot read 'vgg11'", "type key=value, such as model=vgg11"], True),
    (["experiment=course/lenett"], ["did you mean course/lenet"], True),
    (["experiment=lenet"], ["did you mean course/lenet"], True),
    (["experiment=vgg_resolution"], ["is a grid of runs", "type python sweep.py"], True),
    (
        ["experiment=course/vgg11", "model=lenet"],
        ["experiment=course/vgg11 sets model.width, which model=lenet does not have", "type ~model.width"],
        True,
    ),
    (["compile=yes"], ["type for example compile=true"], True),
    (["export=torchscript"], ["export must be onnx, or null", "type for example export=onnx"], True),
    (["watch.patience=0"], ["a whole number, at least 1, or null (got 0)", "for example watch.patience=3"], True),
    (["resume=outer"], ["no run in outer", "type one of them, such as outer/date"], True),
    (["--modle=lenet"], ["are written without dashes", "did you mean model?"], True),
    (["--epochs=3"], ["are written without dashes", "did you mean trainer.max_epochs?"], False),
    (["--model", "lenet"], ["are written without dashes", "type model=..."], False),
    (["--resume", "outputs"], ["are written without dashes", "type resume=..."], False),
    (["--plan=true"], ["are written without dashes", "'plan' is a key of grids", "type python sweep.py"], False),
    (["--", "model=lenet"], ["'--' is no option", "leave it out"], False),
    (["--hydra.run.dir=x"], ["are written without dashes", "type hydra.run.dir=x"], False),
    (["model=vgg11", "--model.kernel_size=3"], ["unknown key 'model.kernel_size'", "model=vgg11 --help"], False),
    (["--model.num_classes=3"], ["are written without dashes", "unknown key 'model.num_classes'"], False),
    (["optimizer.lr=0,01"], ["has several values", "type optimizer.lr=0.01, with a point"], False),
    (["model.channels=6,16"], ["has several values", "type 'model.channels=[6,16]' for a list"], False),
    (["model", "=", "lenet"], ["cannot read 'model'", "without spaces"], False),
    (["hydra/launcher=submitit_slurm"], ["for grids", "type python sweep.py"], False),
    (["hydra.run.dir=my disk/run, 1"], ["one folder", "type \"hydra.run.dir='my disk/run, 1'\""], False),
    (["hydra.run.dir="], ["hydra.run.dir is empty", "type hydra.run.dir=DIR"], False),
    ([f"hydra.run.dir={ROOT / 'conf'}"], ["is where the program is", "type hydra.run.dir=DIR"], False),
    ([f"hydra.run.dir={ROOT / 'cnnzoo' / 'models'}"], ["is where the program is", "type hydra.run.dir=DIR"], False),
    ([f"hydra.run.dir={ROOT}"], ["is where the program is", "type hydra.run.dir=DIR"], False),
    (["seed=[0,1]"], ["seed has one value in a run (got [0, 1])", "type python sweep.py seed=0,1 "], True),
    (
        ["model=[lenet,mlp]"],
        ["'model=[lenet,mlp]' is not a single option", "type python sweep.py model=lenet,mlp "],
        True,
    ),
    (["model=lenet.yaml"], ["model=lenet.yaml is no option of that group", "type model=lenet"], True),
    (["experiment=course/lenet.yaml"], ["type experiment=course/lenet"], True),
    (["model=./lenet"], ["type model=lenet"], True),
    (["model.lr=0.01"], ["model.lr has a rate for each optimizer", "type optimizer.lr=0.01"], True),
    (["resume=my (run)"], ["cannot read 'resume=my (run)'", "type \"resume='my (run)'\""], True),
    (["data.root=~/data"], ["cannot read 'data.root=~/data'", f"type data.root={Path.home()}/data"], True),
    (["hydra.run.dir=~nobody-here/runs"], ["type \"hydra.run.dir='~nobody-here/runs'\""], True),
    (["hydra.run.dir=2026_11_28"], ["is read as 20261128", "type \"hydra.run.dir='2026_11_28'\""], True),
    (["data=28"], ["a group is chosen by the name of one of its options"], True),
    (["model=null"], ["a group is chosen by the name of one of its options"], True),
    (["+experiment=course/lenet"], ["experiment has an option already", "type experiment=OPTION, without a +"], True),
    (["-m", "seed=0,1"], ["train.py trains one net"], True),
    (["~model"], ["'~model' takes away what every run has", "leave it out"], True),
    (["~hydra.callbacks.preflight"], ["'hydra.callbacks.preflight' is set by cnnzoo itself"], True),
    (["hydra/sweeper=basic"], ["'hydra/sweeper' is set by cnnzoo itself", "leave it out"], True),
    (["hydra={callbacks: {x: {_target_: os.system}}}"], ["'hydra' is set by cnnzoo itself"], True),
    (["+hydra.launcher.x={_target_: os.system}"], ["'hydra.launcher.x' is set by cnnzoo itself"], True),
    (["hydra.launcher._target_=os.system"], ["'hydra.launcher._target_' is set by cnnzoo itself"], True),
    (["--config-name=sweep"], ["are composed from conf/train.yaml", "type experiment=NAME"], True),
    (
        ["hydra.run.dir=runs/${model}"],
        ["has all keys of a group in its name", "type 'hydra.run.dir=DIR/${hydra:"],
        True,
    ),
    (["seed=${data.nothing}"], ["data.nothing"], True),
    (["hydra.run.dir=${nothing}"], ["nothing"], True),
    (["hydra.run.dir=" + 300 * "a"], ["cannot write to", "File name too long"], True),
    (["data.resize=8"], ["lenet needs data.resize >= 12", "type data.resize=12"], True),
    (["hydra.run.dir=/dev/null/run"], ["cannot write to /dev/null/run", "type hydra.run.dir=DIR"], True),
    (["resume=old", "hydra.run.dir=new"], ["goes on in its own folder", "leave hydra.run.dir out"], True),
    (["data.num_classes=5"], ["is a fact of the images, 10", "leave it out"], True),
    (["hydra.sweep.dir=new"], ["the folder of a grid", "type hydra.run.dir=DIR"], True),
    (["hydra.run.dir=mine"], ["mine already has config.yaml, not written by cnnzoo", "type hydra.run.dir=DIR"], True),
    (["hydra.run.dir=old"], ["old already holds a run", "type hydra.run.dir=DIR"], True),
    (["data.resize=15", "model.padding=0"], ["at stage2; this net needs data.resize >= 16"], False),
    (
        ["data=synthetic", "data.batch_size=6000"],
        ["data.batch_size=6000 is too large for 5,500 training images"],
        False,
    ),
    (["trainer.limit_val_batches=0.001"], ["trainer.limit_val_batches=0.001 of 20 batches is none"], False),
    (["model.norm=layer"], ["model.norm must be one of none, batch"], False),
    (["model=lenet_bn", "data.batch_size=1"], ["batch norm cannot learn from one image"], False),
]


def train(*overrides, cwd, **environment):
    command = [sys.executable, str(ROOT / "train.py"), *overrides]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory):
    """Where Python finds another torch than the real one: one that cannot be imported."""
    folder = tmp_path_factory.mktemp("without")
    (folder / "torch.py").write_text("raise ImportError('torch is imported, and nothing needs it yet')")
    return {"PYTHONPATH": str(folder)}


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("--sweep.slots=2", "type sweep.slots=2"),
        ("--plan=true", "type plan=true"),
        ("--hydra.sweep.dir=x", "type hydra.sweep.dir=x"),
        ("--model.width=0.5 model=vgg11,alexnet", "type model.width=0.5"),
        ("--resume=x", "type python train.py resume=DIR"),
        ("--sweep.slot=2", "did you mean sweep.slots?"),
        ("--model.widht=0.5 model=vgg11,alexnet", "did you mean model.width?"),
        ("--trainer.max_epoch=3", "did you mean trainer.max_epochs?"),
        ("--sweep.per_model.vgg11.data.batch_size=64", "type sweep.per_model.vgg11.data.batch_size=64"),
    ],
)
def test_a_key_with_dashes_is_answered_with_what_a_grid_reads(words, answer, capsys):
    assert type_in(sweep, *words.split()) == 2
    assert answer in capsys.readouterr().err


@pytest.mark.parametrize(
    ("grid", "answer"),
    [
        ("model=lenet,vgg11 model.width=0.5", "unknown key 'model.width': lenet has none"),
        ("model=lenet,vgg11 data.resiz=28", "unknown key 'data.resiz'; did you mean data.resize?"),
        ("optimizer=adamw,sgd optimizer.momentum=0.9", "adamw has none"),
        ("model=lenet,nni", "error: unknown model 'nni'; did you mean nin?"),
        ("model=lenet,mlp optimizer=sgdd", "unknown optimizer 'sgdd'; did you mean sgd?"),
        ("experiment=alexnet_simplified model.widht=0.5", "did you mean model.width?"),
        ("model=lenet sweep.exclude=[{model.widht:1.0}]", "sweep.exclude: unknown key 'model.widht'"),
        ("--config-dir=. model=lenet,vgg11 model.width=0.5", "lenet has none"),
        ("seed=0,1 plann=true", "unknown key 'plann'; did you mean plan?"),
        ("seed=0,1 hydra/launcher=submitit", "all of them: basic"),
        ("--config-name=weekend seed=0,1", "type experiment=NAME"),
        ("~sweep", "'~sweep' takes away what every run has"),
        ("seed=range(0,1,0)", "'seed=range(0,1,0)': range() arg 3 must not be zero"),
        ("seed=range(1000000000)", "that is more than 10,000 combinations"),
        ("seed=range(200) data.batch_size=range(1,200)", "that is more than 10,000 combinations"),
        ("sweep.per_model={5:{seed:1}}", "unknown model '5'"),
        ("sweep.variants=[{experiment:vgg_resolution}]", "type python sweep.py experiment=vgg_resolution, then"),
        ("sweep.variants={model:lenet}", "type 'sweep.variants=[{model:lenet}]'"),
        (f"hydra.sweep.dir={ROOT / 'conf' / 'model'}", "is where the program is\ntype hydra.sweep.dir=DIR"),
        ("hydra.sweep.dir=null", "type hydra.sweep.dir=DIR, or leave it out"),
        ("model=mlp +hydra.callbacks.x._target_=os.system", "'hydra.callbacks.x._target_' is set by cnnzoo itself"),
        ("sweep.variants=[{seed:'0,1'}]", "type seed=0,1 for all cells, or a variant for each"),
        ("experiment=alexnet_simplified model=vgg11", "unknown key 'model.num_convs': vgg11 has none"),
    ],
)
def test_a_mistake_in_a_grid_is_answered_as_one(tmp_path, without_torch, grid, answer):
    result = grid_of(grid.split(), tmp_path, **without_torch)
    assert result.returncode == 2, result.stderr
    assert answer in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("grid", "cells"),
    [
        # LeNet, with which Hydra composes the sweep itself, has no width.
        ("model=vgg11,resnet18 model.width=0.25", "2 cells"),
        ("optimizer=sgd,rmsprop optimizer.momentum=0.5", "2 cells"),
        ("data=synthetic data.num_train=600 -m seed=0,1", "2 cells"),
        ("experiment=alexnet_simplified budget=laptop data.resize=64 seed=0", "7 cells"),
        ("model=lenet,vgg11 sweep.per_model={vgg11:{model.width:0.25}}", "2 cells"),
        ("experiment=small_grid sweep.per_model={lenet:{model.norm:batch}}", "6 cells"),
        ("experiment=alexnet_simplified budget=laptop sweep.laptop={trainer.max_epochs:1}", "8 cells"),
        ("experiment=vgg_resolution budget=laptop sweep.laptop.per_model={vgg11:{model.hidden:512}}", "10 cells"),
        ("model=lenet,vgg11 sweep.exclude=[{model.width:1.0}]", "1 cell"),
        ("model=lenet sweep.exclude=[{model:vgg11,model.width:1.0}]", "1 cell"),
    ],
)
def test_a_grid_may_set_what_the_default_net_does_not_have(plan, grid, cells):
    assert f"{cells} in outputs" in plan(*grid.split())


def test_a_link_to_nowhere_is_named(in_tmp, capsys):
    (in_tmp / "outputs").symlink_to("unmounted")
    assert type_in(train_module, "data=synthetic", "trainer=smoke") == 2
    assert capsys.readouterr().err.startswith(f"error: {in_tmp / 'outputs'} is a link to nowhere\n")


def test_a_grid_is_composed_as_it_was_typed(plan):
    grid = "model=vgg11,resnet18 model.width=0.25,0.5 seed=0,1 sweep.name=x"
    rows = [line.split("|") for line in plan(*grid.split()).splitlines() if "| to do" in line]
    assert [(row[1].strip(), row[4].strip(), row[5].strip()) for row in rows[:3]] == [
        ("vgg11", "model.width=0.25", "0"),
        ("vgg11", "model.width=0.25", "1"),
        ("vgg11", "model.width=0.5", "0"),
    ]
    named = ["model=vgg11", "model.width=0.25", "seed=0,1", "hydra.sweep.dir='outputs/vgg-${model.width}'"]
    assert "2 cells in outputs/vgg-0.25" in plan(*named)


def test_of_a_key_that_is_given_several_times_the_last_one_counts_and_is_named(in_tmp, capsys):
    assert type_in(sweep, "seed=0", "seed=1,2", "seed=0", "model=mlp", "plan=true") == 0
    shown = capsys.readouterr()
    assert "note: seed is given 3 times, using seed=0\n" in shown.err
    assert "1 cell in outputs" in shown.out


def test_a_plan_says_what_all_cells_are_trained_with(plan):
    told = plan("model=mlp,lenet", "budget=laptop", "sweep.laptop={trainer.max_epochs: 2}")
    assert "\nin all cells: trainer.max_epochs=2\n" in told


@pytest.mark.parametrize("program", [train_module, sweep])
def test_what_is_said_of_hydra_can_be_looked_at(program, in_tmp, capsys):
    assert type_in(program, "--cfg", "hydra") == 0
    assert "hydra:" in capsys.readouterr().out


@pytest.mark.parametrize("shown", [["--help"], ["--cfg", "job"]])
def test_a_grid_can_be_looked_at(shown, in_tmp, capsys):
    assert type_in(sweep, "model=vgg11,nin", "model.width=0.5", "seed=0,1", "trainer.max_epochs=7", *shown) == 0
    assert "max_epochs: 7" in capsys.readouterr().out


def test_a_file_that_is_no_yaml_is_named(in_tmp, capsys):
    (in_tmp / "experiment").mkdir()
    (in_tmp / "experiment" / "mine.yaml").write_text("# @package _global_\nseed:\n\t1\n")
    assert type_in(sweep, f"--config-dir={in_tmp}", "experiment=mine") == 2
    assert f'in "{in_tmp}/experiment/mine.yaml", line 3' in capsys.readouterr().err


@pytest.fixture
def plan(in_tmp, capsys):
    """Does what `python sweep.py ... plan=true` does, in this process; returns what it printed."""

    def run(*words):
        assert type_in(sweep, *words, "plan=true") == 0
        return capsys.readouterr().out

    return run


def grid_of(words, cwd, **environment):
    command = [sys.executable, str(ROOT / "sweep.py"), *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})


def test_what_the_terminal_has_no_sign_for_is_printed_in_ascii(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, "ascii", write_through=True))
    monkeypatch.setattr(train_module, "main", lambda: print("90.00% ± 0.41, \N{MINUS SIGN}1, größer"))
    assert type_in(train_module) == 0
    assert written.getvalue() == b"90.00% +- 0.41, -1, gr??er\n"


def test_three_mistakes_are_answered_whole(in_tmp, capsys):
    assert type_in(train_module, "data.resize=0", "data.batch_size=0", "label_smoothing=2") == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.startswith("type for example ") for line in lines] == [False, True] * 3


@pytest.mark.parametrize(("program", "wrong"), [(train_module, "data.resize=0"), (sweep, "sweep.slots=0")])
def test_hydra_composes_what_is_typed_once(program, wrong, in_tmp, monkeypatch):
    composed = []
    load = ConfigLoaderImpl.load_configuration

    def counted(self, config_name, overrides, *arguments, **options):
        composed.append(wrong in overrides)
        return load(self, config_name, overrides, *arguments, **options)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", counted)
    assert type_in(program, wrong) == 2
    assert sum(composed) == 1


@pytest.mark.parametrize(
    ("overrides", "answer", "fast"),
    REFUSED,
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_a_mistake_is_answered_in_words_and_leaves_nothing_behind(
    in_tmp, without_torch, capsys, overrides, answer, fast
):
    for folder in ("old", "outer/date"):
        (in_tmp / folder).mkdir(parents=True)
        (in_tmp / folder / "run.json").write_text("{}")
    (in_tmp / "mine").mkdir()
    (in_tmp / "mine" / "config.yaml").write_text("precious")
    before = sorted(in_tmp.rglob("*"))
    if fast:
        result = train(*overrides, cwd=in_tmp, **without_torch)
        code, out, said = result.returncode, result.stdout, result.stderr
    else:
        code, (out, said) = type_in(train_module, *overrides), capsys.readouterr()
    assert code == 2, said
    assert out == ""
    assert said.startswith("error: ")
    assert len(said.splitlines()) <= 6
    assert all(part in said for part in answer), said
    assert sorted(in_tmp.rglob("*")) == before
    assert (in_tmp / "mine" / "config.yaml").read_text() == "precious"


def test_the_traceback_is_there_for_who_wants_it(tmp_path):
    result = train("model=vgg99", cwd=tmp_path, HYDRA_FULL_ERROR="1")
    assert "Traceback" in result.stderr
    assert result.returncode != 0


def test_help_names_groups_and_keys_at_once(tmp_path, without_torch):
    result = train("--help", cwd=tmp_path, **without_torch)
    assert result.returncode == 0
    assert all(
        part in result.stdout for part in ("model: alexnet, ", "optimizer: adam", "batch_size: 256", "trainer=smoke")
    )
    assert ", course/lenet, " in result.stdout
    assert "small_grid" not in result.stdout
    assert not list(tmp_path.iterdir())


def test_help_has_the_keys_of_what_is_chosen(in_tmp, capsys):
    assert type_in(sweep, "model=vgg11", "-h") == 0
    out = capsys.readouterr().out
    assert out.startswith("Train a grid of nets")
    assert "  width: 1.0  # share of the convolutions' channels\n" in out
    assert "  blocks: [1, 1, 2, 2, 2]  # convolutions in each\n" in out
    assert "  slots: auto  # cells at a time: one per GPU, or one on a CPU\n" in out
    assert "hydra:" not in out
    assert ", small_grid, " in out
    assert type_in(train_module, "model=vgg99", "--help") == 2
    assert "unknown model 'vgg99'" in capsys.readouterr().err


def test_a_key_given_twice_is_said(tmp_path):
    result = train("data.resize=28", "data.resize=8", cwd=tmp_path)
    assert "note: data.resize is given 2 times, using data.resize=8" in result.stderr


def test_a_run_in_a_folder_with_an_awkward_name(in_tmp):
    assert type_in(train_module, "data=synthetic", "trainer=smoke", "hydra.run.dir='new folder/größe=1'") == 0
    assert (in_tmp / "new folder" / "größe=1" / "run.json").exists()


def test_runs_that_begin_in_the_same_second_have_folders_of_their_own(in_tmp, monkeypatch):
    second = SimpleNamespace(now=lambda: datetime(2026, 11, 22, 10))
    monkeypatch.setattr("hydra.core.utils.datetime", second)
    for augment in ("none", "flip"):
        assert type_in(train_module, "data=synthetic", "trainer=smoke", "model=mlp", f"data.augment={augment}") == 0
    folders = {path.parent.name for path in (in_tmp / "outputs").glob("mlp-28-adamw-s0/*/run.json")}
    assert folders == {"2026-11-22_10-00-00", "2026-11-22_10-00-00-2"}


def test_the_data_verb_says_what_is_where(in_tmp, capsys):
    main(["data", "data=synthetic"])
    assert "6,000 training and 1,000 test images, 1x28x28" in capsys.readouterr().out
    assert (in_tmp / "outputs" / "synthetic.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("sums", "shown"), [({}, "a.npy\n"), ({"a": "0123456789abcdef" * 4}, "0123456789abcdef...  verified\n")]
)
def test_the_data_verb_shows_checksums_of_files_that_have_some(sums, shown, in_tmp, monkeypatch, capsys):
    images = dataclasses.replace(make_synthetic(120, 30), paths={"a": Path("a.npy")}, sha256=sums)
    monkeypatch.setattr("cnnzoo.data.SyntheticDataModule.load", lambda _: images)
    main(["data", "data=synthetic", "data.num_train=120", "data.num_test=30"])
    first, *_ = capsys.readouterr().out.splitlines(keepends=True)
    assert first.startswith("a.npy")
    assert first.endswith(shown)


@pytest.mark.parametrize("absent", [0, 4, 9])
def test_a_class_without_training_images_has_no_row_in_the_contact_sheet(absent, in_tmp, monkeypatch, capsys):
    images, drawn = make_synthetic(120, 30), []
    images.labels[:120][images.labels[:120] == absent] = 5
    monkeypatch.setattr("cnnzoo.data.SyntheticDataModule.load", lambda _: images)
    monkeypatch.setattr("cnnzoo.report.contact_sheet.save_contact_sheet", lambda *each: drawn.extend(each))
    main(["data", "data=synthetic", "data.num_train=120", "data.num_test=30"])
    rows, names, *_ = drawn
    assert rows.shape == (9, 12, 28, 28)
    assert names == [name for label, name in enumerate(PATTERNS) if label != absent]
    assert f"{PATTERNS[absent]:<12}      0 training" in capsys.readouterr().out


def test_what_comes_with_torch_is_not_searched_for_garbage():
    gc.unfreeze()
    with importing_torch():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count()
    gc.unfreeze()


def test_an_error_of_ours_keeps_what_it_came_from(in_tmp, monkeypatch):
    def broken(*_, **__):
        try:
            raise KeyError("what came first")
        except KeyError as error:
            raise RuntimeError("what came of it") from error

    monkeypatch.setattr("cnnzoo.run.train", broken)
    with pytest.raises(RuntimeError, match="what came of it") as raised:
        type_in(train_module, "data=synthetic")
    assert isinstance(raised.value.__cause__, KeyError)


def test_ctrl_c_has_a_code_of_its_own_and_no_words(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cnnzoo.__main__.show_data", interrupted)
    with pytest.raises(SystemExit) as exited:
        main(["data"])
    assert exited.value.code == 130
    assert capsys.readouterr().err == ""


def test_a_rate_for_another_optimizer_is_told_to_change_nothing(in_tmp, capsys):
    smoke = ["data=synthetic", "trainer=smoke", "model=mlp", "trainer.max_epochs=1", "pictures=false"]
    assert type_in(train_module, *smoke, "model.lr.sgd=5", "model.lr.adamw=0.01") == 0
    (note,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: model.lr")]
    assert note == "note: model.lr.sgd is not for this run, whose optimizer is adamw"
