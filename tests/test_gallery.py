import pytest
from PIL import Image

from cnnzoo.__main__ import main
from cnnzoo.config import compose_config
from cnnzoo.run import train

SMOKE = ["data=synthetic", "trainer=smoke", "pictures=false"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for model in ("lenet", "alexnet_slim", "mlp"):
        train(compose_config([*SMOKE, f"model={model}"]), folder / model)
    return folder


@pytest.mark.parametrize("align", ["depth", "field"])
def test_the_same_images_through_several_nets(align, runs, in_tmp, capsys):
    nets = [str(runs / model) for model in ("lenet", "alexnet_slim", "mlp")]
    main(["maps", *nets, "--images", "3,0", "--align", align, "--save", "here"])
    names = [path.name for path in sorted((in_tmp / "here").iterdir())]
    assert names == ["filters.png", "maps-0-pattern-0.png", "maps-3-pattern-3.png", "receptive-fields.png"]
    assert set(capsys.readouterr().out.split()) == {f"here/{name}" for name in names}
    for name in names:
        picture = Image.open(in_tmp / "here" / name).convert("L")
        assert picture.getextrema() == (0, 255)


def test_a_net_without_maps_has_a_gallery_of_its_image(runs, in_tmp, capsys):
    main(["maps", str(runs / "mlp"), "--images", "1"])
    assert capsys.readouterr().out == "outputs/maps/maps-1-pattern-1.png\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "no run in nothing"),
        (["lenet", "--images", "a"], "--images are numbers"),
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
