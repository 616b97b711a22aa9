import pytest
from torch import nn

from cnnzoo.blocks import INITS, activation_layer, initialize


@pytest.mark.parametrize(
    ("init", "std"),
    [
        ("xavier", (2 / (200 + 300)) ** 0.5),
        ("kaiming", (2 / 200) ** 0.5),
        ("normal", 0.01),
        ("default", (1 / 600) ** 0.5),
    ],
)
def test_init_schemes_draw_with_the_published_deviation(init, std):
    net = nn.Sequential(nn.Linear(200, 300), nn.BatchNorm1d(300))
    initialize(net, init)
    assert net[0].weight.std().item() == pytest.approx(std, rel=0.03)
    assert net[1].weight.unique().tolist() == [1]
    assert (net[0].bias.abs().max().item() == 0) == (init != "default")


@pytest.mark.parametrize("call", [lambda: initialize(nn.Linear(1, 1), "he"), lambda: activation_layer("gelu")])
def test_an_unknown_name_is_answered_with_all_names(call):
    with pytest.raises(ValueError, match=r"must be one of .*, .* \(got"):
        call()


def test_inits_are_the_four_that_the_configuration_names():
    assert set(INITS) == {"default", "xavier", "kaiming", "normal"}
