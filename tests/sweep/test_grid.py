import copy
import functools
import operator
from dataclasses import replace

import pytest
from omegaconf import OmegaConf

from cnnzoo.errors import UserError
from cnnzoo.record import flatten
from cnnzoo.rules import DERIVED, is_setting
from cnnzoo.sweep.grid import as_overrides, make_cells
from tests.composed import compose_config

SMALL = ["data=synthetic", "trainer=smoke"]


def names(*overrides, **options):
    cells, _ = make_cells([*SMALL, *overrides], **options)
    return [cell.config.name for cell in cells]


def test_every_combination_is_a_cell_in_the_order_of_the_command():
    expected = [f"{model}-28-adamw-s{seed}" for model in ("mlp", "lenet") for seed in (0, 1)]
    assert names("model=mlp,lenet", "seed=0,1") == expected


@pytest.mark.parametrize(
    "typed",
    [["model.init=xavier,kaimin"], ["model.pooling=max,avrg"], ["model=vgg11", "model.blocks=[1,1],[1,1,1,1,1]"]],
)
def test_a_mistyped_argument_of_a_net_refuses_the_grid(typed):
    """And does not leave half of its cells out."""
    with pytest.raises(UserError, match=r"^model\.(init|pooling|blocks) must be "):
        names(*typed)


def test_what_excludes_nothing_is_said_and_what_excludes_everything_is_refused():
    _, notes = make_cells([*SMALL, "model=mlp,lenet"], exclude=[{"model": "mlp"}, {"model": "lenet", "seed": 7}])
    assert notes == ["sweep.exclude: no cell has model: lenet, seed: 7", "1 cell is excluded"]
    with pytest.raises(UserError, match=r"^sweep\.exclude leaves no cell"):
        make_cells([*SMALL, "model=mlp"], exclude=[{"seed": 0}])
    limits = [*SMALL, "model=mlp", "trainer.limit_train_batches=1,1.0"]
    (cell,), _ = make_cells(limits, exclude=[{"trainer.limit_train_batches": 1}])  # one batch, and not all of them
    assert cell.config.values["trainer"]["limit_train_batches"] == 1.0
    assert isinstance(cell.config.values["trainer"]["limit_train_batches"], float)


def test_a_pattern_that_nothing_has_is_answered():
    with pytest.raises(UserError, match=r"^'model=glob\(vgx\*\)' has no values\nall of them: alexnet, "):
        make_cells([*SMALL, "model=glob(vgx*)"])


def test_options_may_be_a_list_in_a_file():
    params = OmegaConf.create({"model": ["lenet", "mlp"], "seed": "0,1", "model.blocks": [1, 2]})
    assert as_overrides(params) == ["model=lenet,mlp", "seed=0,1", "model.blocks=[1, 2]"]
    assert as_overrides({"seed": [0, 1], "compile": [True, False]}) == ["seed=0,1", "compile=true,false"]


def test_a_cell_is_what_train_py_runs():
    about_the_grid = ["sweep.slots=2", "plan=true", "hydra.verbose=true"]
    cells, _ = make_cells([*SMALL, "model=lenet,mlp", "data.resize=32", *about_the_grid])
    for cell, model in zip(cells, ("lenet", "mlp"), strict=True):
        assert cell.overrides == (*SMALL, f"model={model}", "data.resize=32")
        assert cell.config == compose_config(cell.overrides)


def test_a_cell_is_known_by_what_decides_its_figures():
    def hash8(*overrides):
        return compose_config(["model=lenet", *overrides]).hash8

    assert hash8() == hash8("data.root=/elsewhere") == hash8("seed=0") == hash8("optimizer=adamw")
    assert hash8() == hash8("label_smoothing=0") == hash8("label_smoothing=0.0") != hash8("label_smoothing=0.1")
    assert hash8("trainer.gradient_clip_val=1") == hash8("trainer.gradient_clip_val=1.0") != hash8()
    assert hash8("trainer.limit_val_batches=1") != hash8() == hash8("trainer.limit_val_batches=1.0")
    assert hash8() == hash8("model.lr.sgd=0.5") != hash8("model.lr.adamw=0.5") == hash8("optimizer.lr=0.5")
    others = [hash8(), hash8("seed=1"), hash8("model.norm=batch"), hash8("optimizer.lr=0.1"), hash8("trainer=smoke")]
    assert len(set(others)) == len(others)


def test_settings_are_what_a_cell_is_known_by():
    config = compose_config([])
    values = flatten(config.values)
    for key in (each for each in values if each not in DERIVED and "._" not in each):
        other = copy.deepcopy(config.values)
        *groups, last = key.split(".")
        functools.reduce(operator.getitem, groups, other)[last] = "another"
        assert (replace(config, values=other).hash8 != config.hash8) == is_setting(key), key
    assert not any(is_setting(key) for key in (*DERIVED, "model._target_", "optimizer._partial_"))


def test_seeds_are_one_group_and_other_settings_are_not():
    cells, _ = make_cells([*SMALL, "model=mlp", "seed=0,1", "optimizer.lr=0.1,0.2"])
    assert len({cell.name for cell in cells}) == 4
    assert len({cell.group for cell in cells}) == 2


def test_identical_cells_are_run_once():
    cells, notes = make_cells([*SMALL, "model=lenet,lenet", "optimizer.lr=0.1,1e-1"])
    assert len(cells) == 1
    assert notes == ["3 cells are identical to another"]


def test_the_last_of_two_with_the_same_key_counts():
    assert names("model=lenet", "seed=0,1", "model=mlp", "seed=3") == ["mlp-28-adamw-s3"]


def test_cells_can_be_left_out_and_models_can_have_values_of_their_own():
    grid = ["model=mlp,vgg11", "data.resize=28,32", "model.init=kaiming"]
    assert names(*grid, exclude=[{"model": ["vgg11", "mlp"], "data.resize": [32, 96]}]) == names(
        *grid[:1], "data.resize=28"
    )
    assert names(*grid, exclude=[{"model": "vgg11", "data.resize": 28}]) == [
        *("mlp-28-adamw-s0", "mlp-32-adamw-s0", "vgg11-32-adamw-s0")
    ]
    per_model = {"vgg11": {"model.width": 0.25, "model.blocks": [1, 1, 1, 1, 1], "data.resize": 64}}
    cells, _ = make_cells([*SMALL, *grid], per_model=per_model)
    widths = [cell.config.values["model"].get("width") for cell in cells]
    assert widths == [None, None, 0.25, 0.25]
    assert cells[2].config.values["model"]["blocks"] == [1, 1, 1, 1, 1]
    assert cells[2].config.values["data"]["resize"] == 28  # the command line counts


def test_an_impossible_cell_is_named_and_the_others_are_kept():
    cells, _ = make_cells([*SMALL, "model=alexnet", "model.stem=paper", "data.resize=28,67"])
    assert [(cell.problem or "")[:46] for cell in cells] == ["images of 28 px shrink to nothing at pool2; th", ""]
    assert cells[1].facts["stem"] == "paper"


@pytest.mark.parametrize(
    ("overrides", "options", "words"),
    [
        (
            ["model=vgg99,nni,lenet"],
            {},
            ["unknown model 'vgg99'; did", "unknown model 'nni'; did you mean nin?"],
        ),
        (["model=lenet", "data.resize=abc,0,28"], {}, ["(got 'abc')", "(got 0)"]),
        (["model=lenet", "optimizer=sgdd"], {}, ["unknown optimizer 'sgdd'"]),
        (["modle=lenet"], {}, ["unknown key 'modle'"]),
        (["model=lenet"], {"exclude": [{"model.widht": 1}]}, ["sweep.exclude: unknown key 'model.widht'"]),
        (["model=lenet"], {"per_model": {"vgg": {}}}, ["unknown model 'vgg'"]),
        (
            ["model=lenet"],
            {"exclude": [{"model": "lenett", "seed": 1}]},
            ["unknown model 'lenett'; did you mean lenet"],
        ),
    ],
)
def test_all_that_is_wrong_is_said_at_once(overrides, options, words):
    with pytest.raises(UserError) as refused:
        make_cells([*SMALL, *overrides], **options)
    for word in words:
        assert word in str(refused.value)
    assert len(str(refused.value).splitlines()) <= 6


def test_variants_are_cells_and_the_command_line_counts_before_them():
    variants = [{"model": "mlp"}, {"model": "lenet", "model.norm": "batch"}, {"model": "lenet", "data.resize": 32}]
    cells, _ = make_cells([*SMALL, "seed=0,1"], variants=variants)
    assert [cell.config.name for cell in cells] == [
        *("mlp-28-adamw-s0", "lenet-28-adamw-s0", "lenet-32-adamw-s0"),
        *("mlp-28-adamw-s1", "lenet-28-adamw-s1", "lenet-32-adamw-s1"),
    ]
    assert [cell.config.values["model"].get("norm") for cell in cells[:3]] == [None, "batch", "none"]
    cells, notes = make_cells([*SMALL, "model=mlp"], variants=[{"model": "mlp"}, {"model": "lenet"}])
    assert ([cell.config.name for cell in cells], notes) == (["mlp-28-adamw-s0"], ["1 cell is identical to another"])


def test_what_an_experiment_has_as_usual_counts_last():
    usual = ["seed=0,1", "data.batch_size=64", "data.resize=32"]
    variants = [{"model": "mlp", "data.batch_size": 16}, {"model": "lenet"}]
    cells, notes = make_cells(
        [*SMALL, "data.resize=36"], usual=usual, variants=variants, per_model={"lenet": {"seed": 7}}
    )
    assert [(cell.config.name, cell.config.values["data"]["batch_size"]) for cell in cells] == [
        *(("mlp-36-adamw-s0", 16), ("lenet-36-adamw-s7", 64), ("mlp-36-adamw-s1", 16)),
    ]
    assert notes == ["1 cell is identical to another"]


@pytest.mark.parametrize("sign", ["+", "++"])
def test_the_command_line_counts_first_also_where_it_adds(sign):
    typed = [*SMALL, f"{sign}trainer.gradient_clip_val=1.0", "data.resize=32"]
    others = {"trainer.gradient_clip_val": 2.0}
    cells, _ = make_cells([*typed, "model=mlp"], variants=[others], per_model={"mlp": others})
    assert [cell.config.values["trainer"]["gradient_clip_val"] for cell in cells] == [1.0]


def test_a_variant_with_an_unknown_model_is_refused():
    with pytest.raises(UserError, match=r"unknown model 'lenat'.*lenet"):
        make_cells(SMALL, variants=[{"model": "lenat"}])


def test_values_for_a_model_give_way_to_those_of_a_variant():
    variants = [{"model": "vgg11", "model.width": 0.5}, {"model": "vgg11"}]
    cells, _ = make_cells([*SMALL, "data.resize=32"], variants=variants, per_model={"vgg11": {"model.width": 0.25}})
    assert [cell.config.values["model"]["width"] for cell in cells] == [0.5, 0.25]


def test_a_problem_is_one_line():
    grid = ["trainer.accelerator=cpu", "trainer.precision=16-mixed,32-true"]
    cells, _ = make_cells([*SMALL, "model=mlp", *grid])
    assert cells[0].problem
    assert not any("\n" in (cell.problem or "") for cell in cells)
