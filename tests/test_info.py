import csv
import io
import re
import sys

import pytest

from cnnzoo.__main__ import main
from cnnzoo.build import build_net_without_weights
from cnnzoo.choices import options
from cnnzoo.info import _smallest
from cnnzoo.overrides import expand
from tests.composed import compose_config
from tests.models.test_zoo import EXPECTED


def info(capsys, *arguments):
    main(["info", *arguments])
    return capsys.readouterr().out


def table(capsys, *arguments):
    return list(csv.DictReader(io.StringIO(info(capsys, *arguments, "--format", "csv"))))


def test_overrides_with_several_values_become_every_combination():
    assert expand(["model=lenet,nin", "seed=0", "data.resize=28,96", "model.blocks=[1,2]"]) == [
        [f"model={model}", "seed=0", f"data.resize={px}", "model.blocks=[1,2]"]
        for model in ("lenet", "nin")
        for px in (28, 96)
    ]
    assert expand([]) == [[]]


def test_the_layers_of_a_net_add_up(capsys):
    text = info(capsys, "model=vgg11", "data.resize=96")
    assert text.startswith("vgg11 at 96 px, paper stem, 1 channel, 10 classes")
    assert "44,920,074 parameters: 20.5% in convolutions, 79.5% in dense layers" in text
    rows = table(capsys, "model=vgg11", "data.resize=96")
    assert sum(int(row["params"]) for row in rows) == 44_920_074
    assert sum(float(row["macs_share"]) for row in rows) == pytest.approx(1)
    block3 = next(row for row in rows if row["name"] == "features.block3.pool")
    assert (block3["kind"], block3["output_shape"]) == ("MaxPool2d", "256x12x12")
    assert (block3["receptive_field"], block3["stride"], block3["activation_bytes"]) == ("30", "8", str(4 * 256 * 144))


@pytest.mark.parametrize(
    ("net", "width", "absent"),
    [
        ("lenet", 130, ""),
        ("lenet", 80, "type, stride (px), activations (KiB)"),
        ("googlenet", 80, "type, share, stride (px), activations (KiB)"),  # and its layers' names take two lines
        ("lenet", 40, "type, share, multiply-adds, receptive field (px), stride (px), activations (KiB)"),
        ("lenet,mlp", 80, "activations (MiB)"),
    ],
)
def test_a_terminal_gets_the_columns_that_it_has_room_for(net, width, absent, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    shown = re.sub(r"\x1b\[[\d;]*m", "", info(capsys, f"model={net}", "data.resize=28"))
    table, _, more = shown.partition("no room for: ")
    assert max(map(len, table.splitlines()[1:])) <= width
    assert " ".join(more.partition("\n\n")[0].split()) == absent
    assert all((words in table) == (words not in absent) for words in ("receptive", "multiply-adds", "parameters"))
    assert info(capsys, f"model={net}", "data.resize=28", "--format", "md").count("| ") > 20


def test_a_net_can_be_looked_at_as_it_was_published(capsys):
    text = info(capsys, "model=resnet18", "data.resize=224", "data.channels=3", "data.num_classes=1000")
    assert "11,689,512 parameters" in text  # torchvision's, and table 1 of He et al.: 1.8e9 multiply-adds
    assert "1,814,073,344 multiply-adds" in text


def test_all_nets_have_a_row(capsys):
    rows = table(capsys, "--all", "data.resize=28")
    assert (
        ",".join(rows[0])
        == "model,px,stem,params,conv_params,dense_params,macs,activation_bytes,receptive_field,min_size"
    )
    assert [(row["model"], int(row["params"])) for row in rows] == [(net, EXPECTED[net][0]) for net in options("model")]
    assert all(int(row["macs"]) > 0 and int(row["receptive_field"]) > 0 for row in rows)


def test_several_nets_have_a_row_for_every_size(capsys):
    rows = table(capsys, "model=nin,lenet")
    assert [(row["model"], int(row["px"])) for row in rows] == [
        (net, px) for net in ("nin", "lenet") for px in (28, 96, 224)
    ]
    assert [int(row["params"]) for row in rows] == [params for net in ("nin", "lenet") for params in EXPECTED[net][:3]]


def test_a_net_that_is_too_large_for_the_images_says_so_and_the_others_go_on(capsys):
    rows = table(capsys, "model=lenet,mlp", "data.resize=11,12")
    assert [(row["model"], row["px"], row["stem"], row["params"] != "") for row in rows] == [
        ("lenet", "11", "", False),
        ("lenet", "12", "paper", True),
        ("mlp", "11", "paper", True),
        ("mlp", "12", "paper", True),
    ]


def test_a_recipe_with_another_net_is_not_called_by_the_plain_ones_name(capsys):
    rows = table(capsys, "experiment=course/vgg11,course/nin")
    assert [row["model"] for row in rows] == ["vgg11 width=0.25", "nin course=true"]


def test_arguments_of_nets_are_swept_and_the_smallest_size_follows_them(capsys):
    rows = table(capsys, "model=alexnet", "model.stem=paper", "model.padding=0,1", "data.resize=67")
    assert [(row["model"], row["min_size"]) for row in rows] == [
        ("alexnet stem=paper padding=0", "67"),
        ("alexnet stem=paper padding=1", "65"),
    ]


def test_nets_for_other_images_have_rows_of_their_own(capsys):
    rows = table(capsys, "model=lenet", "data.channels=1,3", "data.num_classes=10,1000", "data.resize=28")
    assert [(row["model"], int(row["params"])) for row in rows] == [
        (f"lenet channels={channels} num_classes={classes}", 60_706 + 150 * channels + 85 * (classes - 10) + 850)
        for channels in (1, 3)
        for classes in (10, 1000)
    ]


def test_auxiliary_heads_keep_the_small_stem_until_the_papers_leaves_them_enough(capsys):
    rows = table(capsys, "model=googlenet", "model.aux_heads=true", "data.resize=64,65")
    assert [(row["stem"], row["min_size"]) for row in rows] == [("small", "17"), ("paper", "17")]


def test_the_smallest_size_is_that_of_the_stem_that_is_chosen_for_it(capsys):
    """The small stem works up to 63 px, and the paper's from 125 px on."""
    rows = table(capsys, "model=densenet", "model.blocks=[2,2,2,2,2,2]", "data.resize=31,32,63,64,128")
    assert [(row["min_size"], row["params"] != "") for row in rows] == [
        ("32", works) for works in (False, True, True, False, True)
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["model=vgg"], "unknown model 'vgg'; did you mean vgg1"),
        (["model=lenet,nni"], "unknown model 'nni'; did you mean nin?"),
        (["model=lenet", "data.resize=28,0"], "data.resize must be a whole number of pixels"),
        (
            ["model=alexnet", "model.stem=paper"],
            "images of 28 px shrink to nothing at pool2; this net needs data.resize >= 67",
        ),
        (["model=alexnet,nin", "model.stem=large"], "model.stem must be one of auto, paper, small"),
        (["--all", "model=lenet"], "--all means all nets"),
        (["model=null"], "a group is chosen by the name of one of its options"),
        (["+model=mlp"], "model has an option already\ntype model=OPTION, without a +"),
        (["model=lenet,50"], "a group is chosen by the name of one of its options"),
        (["model=lenet", "optimizer=sgd,3"], "a group is chosen by the name of one of its options"),
        (["resume=outputs/x"], "info is of nets, and not of runs"),
        (["model=lenet,mlp", "seed=interval(0,1)"], "'seed=interval(0,1)' has no list of values"),
        (["model=alexnet", "model.hidden=99999999999999"], "alexnet: "),
        (["model=densenet", "model.blocks=[9,9,9,9,9,9,9,9,9,9,9,9]"], "this net needs larger ones than there can be"),
        (
            ["model=densenet", "model.blocks=[]"],
            "densenet: model.blocks must be one number or more\ntype model.blocks=",
        ),
        (["model=vgg11", "model.blocks=[1,1]"], "vgg11: model.blocks must be 5 numbers\ntype model.blocks=[1,1,2,2,2]"),
        (
            ["model=alexnet_2012", "model.width=0.3"],
            "29, 77, 115, 115, 77 channels cannot be divided into model.groups",
        ),
        (["model=lenet", "model.init=he"], "lenet: model.init must be one of"),
        (["model=inception_resnet_v1", "model.scale=0"], "model.scale must be a number above 0"),
        (["model=inception_v3", "data.resize=96", "model.aux_heads=true"], "or data.resize=299"),
        (["model=lenet", "--fast"], "info has no --fast"),
        (["model=lenet", "--format", "xls"], "invalid choice: 'xls'"),
    ],
)
def test_mistakes_are_answered_in_words(arguments, words, capsys):
    with pytest.raises(SystemExit) as exited:
        main(["info", *arguments])
    assert exited.value.code == 2
    assert words in capsys.readouterr().err


def test_what_is_wrong_at_every_size_is_said_once(capsys):
    with pytest.raises(SystemExit):
        main(["info", "model=alexnet_2012", "model.width=0.3", "data.resize=227,228"])
    assert capsys.readouterr().err.count("cannot be divided") == 1


def test_options_may_stand_anywhere(capsys):
    assert info(capsys, "model=lenet", "--format", "csv", "data.resize=32") == info(
        capsys, "--format", "csv", "data.resize=32", "model=lenet"
    )


def test_what_is_no_matter_of_the_net_makes_no_other_row(capsys):
    assert len(table(capsys, "model=lenet", "seed=0,1", "data.resize=28,32")) == 2
    assert [row["px"] for row in table(capsys, "model=lenet,mlp", "data.resize=28,32", "++data.resize=30")] == [
        "30"
    ] * 2


def test_nets_may_be_chosen_by_a_pattern(capsys):
    assert {row["model"] for row in table(capsys, "model=glob(lenet*)")} == {"lenet", "lenet5", "lenet_bn"}


@pytest.mark.parametrize(
    ("models", "argument", "answer"),
    [
        (
            "nin,googlenet",
            "width=0.5",
            "googlenet has none\nall keys: python train.py model=googlenet",
        ),
        ("lenet,lenet5", "activation=relu", "unknown key 'model.activation': lenet5 has none"),
    ],
)
def test_the_net_that_lacks_an_argument_is_named(models, argument, answer, capsys):
    with pytest.raises(SystemExit) as exited:
        main(["info", f"model={models}", f"model.{argument}"])
    assert exited.value.code == 2
    assert answer in capsys.readouterr().err


def test_a_pattern_that_no_net_has_is_answered(capsys):
    with pytest.raises(SystemExit):
        main(["info", "model=glob(vgx*)"])
    assert capsys.readouterr().err.startswith("error: 'model=glob(vgx*)' has no values\nall of them: ")


def test_the_smallest_size_follows_arguments_however_they_are_given(capsys):
    (row,) = table(capsys, "model=alexnet,nin", "++model.stem=paper", "data.resize=28,67")[1:2]
    assert (row["px"], row["min_size"]) == ("67", "67")


def test_the_smallest_size_is_one_at_which_the_net_chooses_a_stem_that_works():
    """The small stem would do from 128 px on, where the net chooses the paper's."""
    deep = ["model=densenet", "model.blocks=[1,1,1,1,1,1,1,1]"]
    smallest = _smallest(compose_config(deep))
    assert smallest is not None
    build_net_without_weights(compose_config([*deep, f"data.resize={smallest}"]))
    with pytest.raises(ValueError, match=f"this net needs data.resize >= {smallest}"):
        build_net_without_weights(compose_config([*deep, f"data.resize={smallest - 1}"]))
