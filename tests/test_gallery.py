import shutil
from collections import OrderedDict
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from torch import nn

from cnnzoo.__main__ import main
from cnnzoo.blocks import Residual, stage
from cnnzoo.data.fashion_mnist import CLASS_NAMES
from cnnzoo.gallery import _labels, _Shown, _trace
from cnnzoo.record import read_record, write_record
from cnnzoo.report.galleries import Stage, Traced, _mosaic, _wrapped, draw_fields, draw_first_filters, draw_gallery
from cnnzoo.report.style import STYLE
from cnnzoo.run import train
from cnnzoo.trained import TrainedNet
from tests.composed import compose_config
from tests.conftest import ROOT
from tests.report.runs import write_run

SMOKE = [
    "data=synthetic",
    "trainer=smoke",
    "pictures=false",
    "data.num_train=1205",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for model in ("lenet", "alexnet_slim", "mlp"):
        train(compose_config([*SMOKE, f"model={model}"]), folder / model)
    return folder


def traced(label, *fields):
    """Return a net whose stages see so many of the 28 pixels."""
    maps = np.random.default_rng(0).random((6, 7, 7))
    stages = [Stage(f"stage{number}", maps, (field, field)) for number, field in enumerate(fields)]
    return Traced(label, np.eye(28), "bag", stages, None)


NETS = [traced("one", 3, 5, 24, 40), traced("two", 12)]


@pytest.mark.parametrize(
    ("align", "columns"),
    [
        ("depth", [["stage0", "stage1", "stage2", "stage3"], ["stage0", "", "", ""]]),
        # up to 1/8, 1/4, 1/2 and all of the image, and more than it; no unit sees less than 1/16
        ("field", [["stage0", "stage1", "", "stage2", "stage3"], ["", "", "stage0", "", ""]]),
    ],
)
def test_a_row_for_each_net_and_each_stage_in_its_column(align, columns):
    figure = draw_gallery(NETS, "test image 0: bag", align)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    wide = len(columns[0]) + 1
    for number, (net, names) in enumerate(zip(NETS, columns, strict=True)):
        first, *others = titles[number * wide : (number + 1) * wide]
        assert first == f"{net.label}\npredicts bag"
        assert [title.partition("\n")[0] for title in others] == names
    assert f"6x7x7\nsees {24} of 28 px" in "".join(titles)
    words = "4 maps of a stage that vary much, unlike\none another, each in its own scale of grey"
    assert figure.get_suptitle() == f"test image 0: bag\n{words}"


@pytest.mark.parametrize("label", ["alexnet", "alexnet 224 global_pool=true num_hidden=0 limit_train_batches=8"])
@pytest.mark.parametrize("count", [1, 3])
def test_nothing_that_is_written_is_cut_off_or_lies_on_something_else(count, label):
    maps = np.random.default_rng(0).random((1024, 7, 7))
    stages = [Stage(f"reduction{number}b", maps, (4 * number, 4 * number)) for number in range(1, 8)]
    nets = [Traced(label, np.eye(28), "t-shirt/top (100%)", stages, None)] * count
    for figure in (*(draw_gallery(nets, "image", align) for align in ("depth", "field")), draw_fields(nets, "image")):
        figure.draw_without_rendering()
        written = [text for axes in figure.axes for text in (axes.title, axes._left_title, axes.xaxis.label)]
        boxes = [text.get_window_extent() for text in (*written, figure._suptitle) if text.get_text()]
        boxes += [axes.get_window_extent().shrunk(0.9, 0.9) for axes in figure.axes if axes.images]
        assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
        whole = figure.bbox
        assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= whole.x1 and box.y1 <= whole.y1 for box in boxes)


def test_a_label_is_broken_between_its_words_and_behind_equals():
    label = "vgg11 224 width=0.25 limit_train_batches=8"
    assert _wrapped(label).splitlines() == ["vgg11 224", "width=0.25", "limit_train_batches=", "8"]


def test_chinese_letters_take_two_places_of_a_label():
    label = "判为 动物园里的长颈鹿与斑马还有大象和狮子"
    lines = _wrapped(label).splitlines()
    assert "".join(lines) == label
    assert max(2 * len(line) - line.count(" ") for line in lines) <= 19


@pytest.mark.filterwarnings("ignore:Glyph")  # of a machine without Chinese letters
def test_galleries_are_written_in_chinese(monkeypatch):
    monkeypatch.setattr("cnnzoo.report.galleries.style_of", lambda language: (STYLE, language))
    nets = [traced("one", 3, 30), Traced("flat", np.eye(28), "包 ✗", [], None), net_with(np.ones((40, 1, 2, 2)))]
    by_field = draw_gallery(nets, "图", "field", "zh")
    fields, filters = draw_fields(nets, "图", "zh"), draw_first_filters(nets, "zh")
    words = [{text.get_text() for text in figure.findobj(Text)} for figure in (by_field, fields, filters)]
    assert {"flat\n预测：包 ✗", "没有特征图", "stage0\n6x7x7\n感受野 3/28 像素", "大于\n整个图像"} <= words[0]
    assert {"图\n方框：中心单元的感受野", "stage1\n30 像素，全图"} <= words[1]
    assert "one\n40 个 2x2 卷积核中的 32 个" in words[2]


def test_a_column_that_two_stages_would_share_has_the_last_and_the_title_says_so():
    figure = draw_gallery([traced("one", 3, 4, 7)], "test image 0: bag", "field")
    names = [axes.get_title(loc="left").partition("\n")[0] for axes in figure.axes][1:]
    assert names == ["stage0", "stage2"]  # 3 px are up to an eighth, 4 and 7 px up to a quarter
    first, *_ = figure.get_suptitle().splitlines()
    assert first == "test image 0: bag (of stages in the same column, the last)"


def test_a_unit_sees_the_middle_of_the_image_and_no_more_than_all_of_it():
    figure = draw_fields(NETS, "test image 0: bag")
    shown = [axes for axes in figure.axes if axes.get_title(loc="left")]
    boxes = [{patch.get_bbox().bounds for patch in axes.patches} for axes in shown]
    first = [{(12, 12, 3, 3)}, {(11, 11, 5, 5)}, {(1.5, 1.5, 24, 24)}, {(-0.5, -0.5, 28, 28)}]
    assert boxes == [*first, {(7.5, 7.5, 12, 12)}]
    seen = [axes.get_title(loc="left").splitlines()[-1] for axes in shown]
    assert seen == ["3 of 28 px", "5 of 28 px", "24 of 28 px", "40 px, all", "12 of 28 px"]


def test_a_net_with_many_stages_goes_on_in_the_next_line():
    figure = draw_gallery([traced("deep", *range(1, 11)), traced("flat", 12)], "test image 0: bag", "depth")
    titles = [axes.get_title(loc="left").partition("\n")[0] for axes in figure.axes]
    assert titles[:6] == ["deep", *(f"stage{number}" for number in range(5))]  # two lines of five, not of six and four
    assert titles[6:12] == ["", *(f"stage{number}" for number in range(5, 10))]
    assert titles[12:] == ["flat", "stage0", "", "", "", ""]


def test_of_stages_that_see_everything_the_first_is_shown():
    figure = draw_fields([traced("one", 3, 30, 40, 50)], "test image 0: bag")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["one\nstage0\n3 of 28 px", "stage1\n30 px, all"]


def test_rows_are_named_by_what_tells_their_runs_apart(tmp_path):
    settings = {"a": {}, "b": {"model.width": 0.5}, "c": {"px": 96}, "d": {"px": 96}}
    folders = [str(write_run(tmp_path / name, **more)) for name, more in settings.items()]
    assert _labels(folders) == ["lenet 28", "lenet 28 width=0.5", "lenet 96 c", "lenet 96 d"]
    assert _labels(folders[:1]) == ["lenet"]


def test_a_stage_sees_what_its_output_sees_and_not_its_shortcut():
    body = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))
    block = Residual(body=body, shortcut=nn.Conv2d(1, 4, 1), activation=None)  # which is called last
    net = nn.Sequential(OrderedDict(features=stage(block=block), head=nn.Sequential(nn.Flatten(), nn.Linear(256, 2))))
    trained = TrainedNet(net, lambda picture, **_: picture[None, None].float(), ("a", "b"))
    traced = _trace(trained, "net", _Shown(torch.zeros(8, 8), "", ""))
    assert [each.field for each in traced.stages] == [(5, 5)]


@pytest.mark.parametrize(("true", "said"), [("a", "a (100%) ✓"), ("b", "a (100%) ✗"), (None, "a (100%)")])
def test_a_prediction_is_marked_right_or_wrong_where_the_class_is_known(true, said):
    net = nn.Sequential(OrderedDict(features=nn.Sequential(), head=nn.Sequential(nn.Flatten(), nn.Linear(64, 2))))
    net.head[1].bias.data = torch.tensor([50.0, 0.0])
    trained = TrainedNet(net, lambda picture, **_: picture[None, None].float(), ("a", "b"))
    assert _trace(trained, "net", _Shown(torch.zeros(8, 8), "", "", true)).said == said


@pytest.mark.parametrize(
    ("places", "shown"),
    [
        ((0, 1, 2, 3, 0, 1), (1, 3, 0, 2)),  # of the maps 1, 3, 4 and 2: the fifth looks like the first
        ((0, 0, 0, 0, 0, 0), (0, 0, 0, 0)),
        ((0, 1, 0, 1, 1, 1), (1, 0, 1, 1)),  # of the maps 1 and 2, and then of 3 and 5, which look like the first
    ],
)
def test_the_maps_that_vary_most_are_shown_and_look_unlike_one_another(places, shown):
    maps = np.zeros((6, 4, 4))
    for number, (size, place) in enumerate(zip((1, 6, 2, 5, 3, 4), places, strict=True)):
        maps[number, place, 0] = -size if number == 5 else size
    sheet = _mosaic(maps)
    assert sheet.shape == (196, 196)  # each value is 24 pixels wide, and four more are between two maps
    found = [each[::24, ::24] for each in (sheet[:96, :96], sheet[:96, 100:], sheet[100:, :96], sheet[100:, 100:])]
    assert [int(np.abs(each[:, 0] - each[3, 3]).argmax()) for each in found] == [*shown]


def test_the_only_map_of_a_stage_is_shown_whole():
    assert _mosaic(np.eye(4)[None]).shape == (96, 96)


def test_a_net_without_maps_says_so_beside_one_with_some():
    nets = [traced("one", 3, 5), Traced("flat", np.eye(28), "bag", [], None)]
    titles = [axes.get_title(loc="left") for axes in draw_gallery(nets, "t", "depth").axes]
    assert titles[3:] == ["flat\npredicts bag", "no feature maps", ""]


@pytest.mark.parametrize("font", ["at hand", "missing"])
def test_galleries_are_in_chinese_where_a_font_is(font, runs, in_tmp, monkeypatch):
    drawn = []

    def draw(nets, title, align, language):
        drawn.append((title, language))
        return Figure()

    known = "zh" if font == "at hand" else "en"
    monkeypatch.setattr("cnnzoo.gallery.style_of", lambda language: ({}, known))
    for name in ("draw_fields", "draw_first_filters"):
        monkeypatch.setattr(f"cnnzoo.gallery.{name}", lambda *_: Figure())
    monkeypatch.setattr("cnnzoo.gallery.draw_gallery", draw)
    main(["maps", str(runs / "lenet"), "--images", "3", "--lang", "zh"])
    one = ("测试图像 3：pattern 6", "zh") if font == "at hand" else ("test image 3: pattern 6", "en")
    assert drawn == [one]


@pytest.mark.parametrize("align", ["depth", "field"])
def test_the_same_images_through_several_nets(align, runs, in_tmp, capsys):
    nets = [str(runs / model) for model in ("lenet", "alexnet_slim", "mlp")]
    main(["maps", *nets, "--images", "3,0", "--align", align, "--save", "here"])
    names = [path.name for path in sorted((in_tmp / "here").iterdir())]
    assert names == ["filters.png", "maps-0-pattern-9.png", "maps-3-pattern-6.png", "receptive-fields.png"]
    assert set(capsys.readouterr().out.split()) == {f"here/{name}" for name in names}
    for name in names:
        picture = Image.open(in_tmp / "here" / name).convert("L")
        assert picture.getextrema() == (0, 255)


def test_the_same_pictures_have_a_place(runs, in_tmp, capsys):
    for images, where in (("3,0", "here"), ("3,0", "here"), ("3", "here-2"), ("3", "here-2")):
        main(["maps", str(runs / "mlp"), "--images", images, "--save", "here"])
        assert all(path.startswith(f"{where}/") for path in capsys.readouterr().out.split())


def test_pictures_of_ones_own_go_through_the_nets(runs, in_tmp, capsys):
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save("my shirt.png")
    for more, name in ([], "here"), (["--invert"], "here-2"):
        main(["maps", str(runs / "lenet"), "--images", "1,my shirt.png", "--save", "here", *more])
        names = ["maps-1-pattern-8.png", "maps-my-shirt.png", "receptive-fields.png", "filters.png"]
        assert capsys.readouterr().out.splitlines() == [f"{name}/{each}" for each in names]
    same, other = ([Path(folder, each).read_bytes() for folder in ("here", "here-2")] for each in names[:2])
    assert same[0] == same[1]  # a test image is not inverted
    assert other[0] != other[1]
    Path("my shirt-2.png").write_bytes(Path("my shirt.png").read_bytes())
    pictures = "my shirt.png,my shirt-2.png,./my shirt.png"
    main(["maps", str(runs / "lenet"), "--images", pictures, "--save", "3"])
    written = capsys.readouterr().out.splitlines()
    assert written[:3] == [f"3/maps-my-shirt{number}.png" for number in ("", "-2", "-3")]


def test_nets_of_different_images_have_no_gallery(runs, tmp_path, capsys):
    shutil.copytree(runs / "lenet", tmp_path / "other")
    record = read_record(tmp_path / "other")
    config = compose_config(["data=fashion_mnist"])
    write_record(tmp_path / "other", record | {"choices": config.choices, "config": config.values})
    with pytest.raises(SystemExit):
        main(["maps", str(runs / "lenet"), str(tmp_path / "other")])
    assert capsys.readouterr().err.startswith("error: the runs are of different images: fashion_mnist, synthetic\n")


def test_images_may_be_elsewhere_than_the_run_had_them(fashion_mnist, in_tmp, capsys):
    here = ROOT / "data"
    train(compose_config(["trainer=smoke", "pictures=false", f"data.root={here}"]), in_tmp / "run")
    record = read_record(in_tmp / "run")
    record["config"]["data"]["root"] = "gone"
    write_record(in_tmp / "run", record)
    main(["maps", "run", "--images", "0", f"data.root={here}", "--save", "new"])
    true = CLASS_NAMES[fashion_mnist.labels[fashion_mnist.num_train]].replace(" ", "-")
    assert f"new/maps-0-{true}.png" in capsys.readouterr().out
    for more, words in (("seed=1", "no run in seed=1"), ("data.root=", "data.root must be a word (got nothing)")):
        with pytest.raises(SystemExit):
            main(["maps", "run", more])
        assert capsys.readouterr().err.startswith(f"error: {words}")


def test_a_net_without_maps_has_a_gallery_of_its_image(runs, in_tmp, capsys):
    main(["maps", str(runs / "mlp"), "--images", "1"])
    assert capsys.readouterr().out == "outputs/maps/maps-1-pattern-8.png\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no run in nothing"),
        (["data.root=data"], "which runs?\ntype python -m cnnzoo maps RUN"),
        (["lenet", "--images", "0-5"], "--images are numbers of test images and files of pictures (got '0-5')"),
        (["lenet", "--images", str(ROOT / "pyproject.toml")], f"{ROOT / 'pyproject.toml'} is not a picture"),
        (["lenet", "--images", "9999"], "no test image 9999"),
        (["lenet", "--save", "/proc/x"], "cannot write to /proc/x"),
    ],
)
def test_mistakes_are_answered_in_words(arguments, words, runs, capsys):
    folder = str(runs / "lenet") if arguments[0] == "lenet" else arguments[0]
    with pytest.raises(SystemExit) as exited:
        main(["maps", folder, *arguments[1:]])
    assert exited.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: {words}")


def test_the_first_number_beyond_the_test_images_is_answered(runs, in_tmp, capsys):
    count = read_record(runs / "mlp")["data"]["test"]
    with pytest.raises(SystemExit) as exited:
        main(["maps", str(runs / "mlp"), "--images", f"{count}"])
    assert exited.value.code == 2
    said = f"error: no test image {count}\ntype --images with numbers from 0 to {count - 1}\n"
    assert capsys.readouterr().err == said


def test_seeds_are_named(tmp_path):
    folders = [str(write_run(tmp_path / name, seed=seed)) for seed, name in enumerate("ab")]
    assert _labels(folders) == ["lenet seed=0", "lenet seed=1"]


def net_with(filters=None, channels=6, field=3):
    maps = np.random.default_rng(0).random((channels, 7, 7))
    return Traced("one", np.eye(28), "bag", [Stage("stage0", maps, (field, field))], filters)


def test_the_grey_of_filters_is_zero_and_their_number_is_said():
    filters = np.array([1.0, 3.0, -2.0])[:, None, None, None] * np.ones((3, 1, 2, 2))
    (axes,) = draw_first_filters([net_with(filters)]).axes
    assert axes.images[0].get_clim() == (-3, 3)
    (axes,) = draw_first_filters([net_with(np.ones((32, 1, 2, 2)))]).axes
    assert axes.get_title(loc="left") == "one\n32 filters of 2x2"


def test_what_is_shown_whole_is_not_called_some():
    assert draw_gallery([net_with(channels=4)], "test image 0: bag", "depth").get_suptitle() == "test image 0: bag"
    titles = [axes.get_title(loc="left") for axes in draw_gallery([net_with(field=28)], "t", "depth").axes]
    assert titles[1].endswith("sees 28 of 28 px")
