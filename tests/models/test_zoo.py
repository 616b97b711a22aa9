"""What holds for every net of the zoo: each file in conf/model is tested without being named here, but for one row."""

import copy
import functools
from collections import Counter

import pytest
import torch
from torch import nn

from cnnzoo.blocks import Residual
from cnnzoo.build import build, build_net
from cnnzoo.choices import options
from cnnzoo.models.googlenet import TABLE_1
from cnnzoo.models.lenet5 import ScaledTanh
from cnnzoo.report.course import FIGURES
from cnnzoo.shapes import ShapesOnly
from tests.composed import compose_config
from tests.reference_cost import count_macs, count_parameters

NETS = options("model")
SIZES = (28, 96, 224)

# Parameters at 28, 96 and 224 px with 1 channel and 10 classes, and at 224 px with 3 channels and 1000 classes.
# Published, with 3 channels and 1000 classes: VGG, ResNet and DenseNet (their papers, as torchvision counts), Inception
# v3 without its auxiliary head 23.83 M, Inception v4 42.68 M, Inception-ResNet-v2 55.84 M, and the two-tower AlexNet
# 60,965,224 (Krizhevsky 2012: "60 million"). Published by the course (d2l), with 1 channel and 10 classes: LeNet,
# AlexNet at 224, NiN, ResNet-18, DenseNet; by hand: GoogLeNet 5,977,530, with batch norm 5,984,810.
# The others follow from these nets' tables; a test below derives the ladder's.
EXPECTED = {
    "alexnet": (24_735_434, 21_598_922, 46_764_746, 50_844_008),
    "alexnet_2012": (23_322_314, 23_331_530, 56_885_962, 60_965_224),
    "alexnet_slim": (11_510, 12_086, 12_086, 38_288),
    "densenet": (755_666, 758_226, 758_226, 1_011_008),
    "densenet121": (6_955_274, 6_957_834, 6_957_834, 7_978_856),
    "densenet161": (26_480_842, 26_484_682, 26_484_682, 28_681_000),
    "densenet169": (12_492_298, 12_494_858, 12_494_858, 14_149_480),
    "densenet201": (18_103_306, 18_105_866, 18_105_866, 20_013_928),
    "googlenet": (5_974_970, 5_977_530, 5_977_530, 6_998_552),
    "googlenet_bn": (5_982_250, 5_984_810, 5_984_810, 7_005_832),
    "inception_fact": (6_268_682, 6_271_242, 6_271_242, 7_292_264),
    "inception_res": (6_124_458, 6_127_018, 6_127_018, 7_148_040),
    "inception_resnet_v1": (20_980_682, 20_980_682, 20_980_682, 22_756_328),
    "inception_resnet_v2": (54_321_258, 54_321_258, 54_321_258, 55_843_464),
    "inception_v3": (21_805_482, 21_805_482, 21_805_482, 23_834_568),
    "inception_v4": (41_157_610, 41_157_610, 41_157_610, 42_679_816),
    "lenet": (61_706, 942_986, 5_612_426, 5_696_876),
    "lenet5": (60_850, 2_963_890, 24_252_850, 24_337_300),
    "lenet_bn": (62_158, 943_438, 5_612_878, 5_697_328),
    "mlp": (203_530, 2_362_122, 12_847_882, 38_792_424),
    "nin": (1_982_950, 1_992_166, 1_992_166, 7_439_608),
    "resnet101": (42_511_818, 42_514_378, 42_514_378, 44_549_160),
    "resnet152": (58_155_466, 58_158_026, 58_158_026, 60_192_808),
    "resnet18": (11_172_810, 11_175_370, 11_175_370, 11_689_512),
    "resnet34": (21_280_970, 21_283_530, 21_283_530, 21_797_672),
    "resnet50": (23_519_690, 23_522_250, 23_522_250, 25_557_032),
    "vgg11": (28_142_858, 44_920_074, 128_806_154, 132_863_336),
    "vgg13": (28_327_370, 45_104_586, 128_990_666, 133_047_848),
    "vgg16": (33_637_066, 50_414_282, 134_300_362, 138_357_544),
    "vgg19": (38_946_762, 55_723_978, 139_610_058, 143_667_240),
}
# Millions of multiply-adds that are published or were counted by hand: (net and overrides, px, channels, classes).
MACS = {
    ("lenet", 28, 1, 10): 0.42,
    ("alexnet", 224, 1, 10): 938,
    ("vgg11", 224, 1, 10): 7_547,
    ("vgg11", 96, 1, 10): 1_400,
    ("nin", 224, 1, 10): 762,
    ("nin", 96, 1, 10): 108,
    ("googlenet", 224, 1, 10): 1_503,
    ("googlenet", 96, 1, 10): 276,
    ("googlenet model.stem=paper", 28, 1, 10): 29,
    ("resnet18", 224, 1, 10): 1_735,
    ("resnet18", 96, 1, 10): 319,
    ("densenet", 224, 1, 10): 703,
    ("densenet", 96, 1, 10): 129,
    ("inception_v3", 299, 3, 1000): 5_700,
    ("inception_v4", 299, 3, 1000): 12_300,
    ("inception_resnet_v2", 299, 3, 1000): 13_200,
}
# The smallest images that the paper's stem can take.
PAPER_FROM = {
    "alexnet": 67,
    "alexnet model.padding=1": 65,
    "vgg11": 32,
    "nin": 67,
    "densenet": 29,
    "densenet121": 29,
    "inception_v3": 75,
    "inception_v4": 75,
    "inception_resnet_v1": 75,
    "inception_resnet_v2": 75,
}
# What has no weights, or none that say what it is, at 224 px, of nets that are not compared with torchvision's, or have
# dropout, which does nothing there: layers with kernel and stride, probability, eps of batch norm, the factor on a
# residual. LeCun 1998, d2l 7.6 and 8.5; Krizhevsky 2012, section 3 (torch divides alpha by the five channels), d2l 8.1
# without its normalisation; Simonyan 2015, section 3.1; d2l 8.3 and 8.7; Szegedy 2015, table 1; the Inceptions: figures
# and text of Szegedy 2016 and 2017, and their authors' code.
_GOOGLENET = {"MaxPool2d 3/2": 4, "MaxPool2d 3/1": 9, "AdaptiveAvgPool2d": 1, "Dropout 0.4": 1}
PARTS = {
    "lenet": {"Sigmoid": 4, "AvgPool2d 2/2": 2},
    "lenet_bn": {"Sigmoid": 4, "AvgPool2d 2/2": 2, "BatchNorm2d 1e-05": 2, "BatchNorm1d 1e-05": 2},
    "lenet5": {"ScaledTanh": 6, "AvgPool2d 2/2": 2},
    "alexnet": {"ReLU": 7, "MaxPool2d 3/2": 3, "Dropout 0.5": 2},
    "alexnet_2012": {
        "ReLU": 7,
        "MaxPool2d 3/2": 3,
        "Dropout 0.5": 2,
        "LocalResponseNorm 5, alpha=0.0005, beta=0.75, k=2": 2,
    },
    "vgg11": {"ReLU": 10, "MaxPool2d 2/2": 5, "Dropout 0.5": 2},
    "nin": {"ReLU": 11, "MaxPool2d 3/2": 3, "Dropout 0.5": 1, "AdaptiveAvgPool2d": 1},
    "densenet": {"ReLU": 21, "BatchNorm2d 1e-05": 21, "MaxPool2d 3/2": 1, "AvgPool2d 2/2": 3, "AdaptiveAvgPool2d": 1},
    "googlenet": {"ReLU": 57, **_GOOGLENET},
    "googlenet_bn": {"ReLU": 57, "BatchNorm2d 1e-05": 57, **_GOOGLENET},
    "inception_fact": {"ReLU": 66, "BatchNorm2d 1e-05": 66, **_GOOGLENET},
    "inception_res": {"ReLU": 75, "BatchNorm2d 1e-05": 81, "Residual 0.2": 9, **_GOOGLENET},
    "inception_v3": {
        "ReLU": 94,
        "BatchNorm2d 0.001": 94,
        "MaxPool2d 3/2": 4,
        "AvgPool2d 3/1": 9,
        "AdaptiveAvgPool2d": 1,
        "Dropout 0.5": 1,
    },
    "inception_v4": {
        "ReLU": 149,
        "BatchNorm2d 0.001": 149,
        "MaxPool2d 3/2": 4,
        "AvgPool2d 3/1": 14,
        "AdaptiveAvgPool2d": 1,
        "Dropout 0.2": 1,
    },
    "inception_resnet_v1": {
        "ReLU": 127,
        "BatchNorm2d 0.001": 107,
        "MaxPool2d 3/2": 3,
        "Residual 0.2": 20,
        "AdaptiveAvgPool2d": 1,
        "Dropout 0.2": 1,
    },
    "inception_resnet_v2": {
        "ReLU": 243,
        "BatchNorm2d 0.001": 204,
        "MaxPool2d 3/2": 4,
        "AvgPool2d 3/1": 1,
        "Residual 0.17": 10,
        "Residual 0.1": 20,
        "Residual 0.2": 9,
        "Residual 1.0": 1,
        "AdaptiveAvgPool2d": 1,
        "Dropout 0.2": 1,
    },
}
# The smallest images for which `stem=auto` takes the paper's.
STEM_FROM = {
    "vgg11": 32,
    **dict.fromkeys(("resnet18", "densenet", "googlenet"), 64),
    **dict.fromkeys(("alexnet", "nin"), 67),
    **dict.fromkeys(("inception_v3", "inception_v4", "inception_resnet_v1", "inception_resnet_v2"), 75),
}
# What makes a narrow instance of a net whose tests would be slow otherwise.
NARROW = {
    "alexnet": ["model.width=0.125", "model.hidden=64"],
    "alexnet_2012": ["model.width=0.125", "model.hidden=64"],
    **{f"vgg{depth}": ["model.width=0.125", "model.hidden=64"] for depth in (11, 13, 16, 19)},
    # With zero_gamma the convolutions of a block have no gradient at first.
    **{f"resnet{depth}": ["model.width=0.125", "model.init=kaiming"] for depth in (18, 34, 50, 101, 152)},
    **{f"densenet{depth}": ["model.growth_rate=4", "model.stem_channels=8"] for depth in (121, 161, 169, 201)},
}


@functools.cache
def composed(name):
    net, *overrides = name.split()
    return compose_config([f"model={net}", *overrides])


def arguments(name, size, **changed):
    return composed(name).net_arguments | {"image_size": size} | changed


def on_meta(name, size, **changed):
    with torch.device("meta"):
        return build(arguments(name, size, **changed))


def shape_of_logits(net, channels, size):
    with ShapesOnly():
        return net(torch.empty(2, channels, size, size, device="meta")).shape


@functools.cache
def _narrow(name):
    torch.manual_seed(0)
    return build_net(compose_config([f"model={name}", *NARROW.get(name, [])]))


def narrow(name):
    return copy.deepcopy(_narrow(name))


def images(size=28):
    return torch.randn(4, 1, size, size)


def test_every_net_has_an_expected_row():
    assert sorted(EXPECTED) == NETS


@pytest.mark.parametrize("name", NETS)
def test_parameters_and_logits_at_every_size(name):
    nets = [on_meta(name, size) for size in SIZES] + [on_meta(name, 224, in_channels=3, num_classes=1000)]
    assert tuple(count_parameters(net) for net in nets) == EXPECTED[name]
    for net, size in zip(nets, SIZES, strict=False):
        assert shape_of_logits(net, 1, size) == (2, 10)
    assert shape_of_logits(nets[-1], 3, 224) == (2, 1000)


@pytest.mark.parametrize(("name", "size", "channels", "classes"), MACS)
def test_multiply_adds(name, size, channels, classes):
    net = on_meta(name, size, in_channels=channels, num_classes=classes).eval()
    published = MACS[name, size, channels, classes]
    assert count_macs(net, (channels, size, size)) / 1e6 == pytest.approx(published, rel=0.01)


def part(module):
    """Return a layer as `PARTS` has it, or None for what has weights or only holds others."""
    match module:
        case nn.MaxPool2d() | nn.AvgPool2d():
            what = f"{module.kernel_size}/{module.stride}"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            what = module.eps
        case nn.Dropout():
            what = module.p
        case Residual():
            what = module.scale
        case nn.LocalResponseNorm():
            what = module.extra_repr()
        case nn.ReLU() | nn.Sigmoid() | ScaledTanh() | nn.AdaptiveAvgPool2d():
            what = ""
        case _:
            return None
    return f"{type(module).__name__} {what}".strip()


@pytest.mark.parametrize("name", PARTS)
def test_what_has_no_weights_is_as_in_the_papers(name):
    assert Counter(filter(None, map(part, on_meta(name, 224).modules()))) == PARTS[name]


@pytest.mark.parametrize("name", NETS)
def test_min_size_is_the_smallest_that_works(name):
    smallest = composed(name).values["model"]["min_size"]
    assert shape_of_logits(on_meta(name, smallest), 1, smallest) == (2, 10)
    if smallest > 1:
        with pytest.raises(ValueError, match=f">= {smallest}"):
            on_meta(name, smallest - 1)


@pytest.mark.parametrize(("name", "smallest"), PAPER_FROM.items())
def test_the_paper_stem_is_refused_where_it_leaves_nothing(name, smallest):
    assert on_meta(name, smallest, stem="paper").stem == "paper"
    with pytest.raises(ValueError, match=rf"shrink to nothing at \w+; this net needs data.resize >= {smallest}"):
        on_meta(name, smallest - 1, stem="paper")


@pytest.mark.parametrize("name", [name for name in NETS if "stem" in arguments(name, 28)])
def test_the_stem_is_chosen_by_the_size_of_the_images(name):
    assert [on_meta(name, size).stem for size in SIZES] == ["small", "paper", "paper"]
    assert on_meta(name, 96, stem="small").stem == "small"
    with pytest.raises(ValueError, match=r"model\.stem must be one of auto, paper, small"):
        on_meta(name, 28, stem="large")


@pytest.mark.parametrize(("name", "smallest"), STEM_FROM.items())
def test_the_papers_stem_begins_where_the_documents_say(name, smallest):
    assert [on_meta(name, size).stem for size in (smallest - 1, smallest)] == ["small", "paper"]


@pytest.mark.parametrize(("name", "number"), [("vgg11", 5), ("resnet18", 4)])
def test_a_wrong_number_of_blocks_is_refused_in_words(name, number):
    with pytest.raises(ValueError, match=rf"model\.blocks must be {number} numbers\ntype model\.blocks="):
        on_meta(name, 28, blocks=[1, 1])


def test_the_ladder_changes_one_thing_at_a_time():
    bn, fact, res = (
        count_parameters(on_meta(name, 224)) for name in ("googlenet_bn", "inception_fact", "inception_res")
    )
    rows = [row for row in TABLE_1.values() if row]
    # 25 r c weights of the 5x5 become 9 r c + 9 c c, with one more batch norm.
    assert fact - bn == sum(9 * r * c + 9 * c * c + 2 * c - 25 * r * c for *_, r, c, _ in rows)
    assert res == pytest.approx(bn, rel=0.03)  # at GoogLeNet's size


@pytest.mark.parametrize("name", NETS)
def test_every_parameter_gets_a_finite_gradient(name):
    net = narrow(name)
    nn.functional.cross_entropy(net(images()), torch.arange(4)).backward()
    gradients = {key: parameter.grad for key, parameter in net.named_parameters()}
    assert [key for key, grad in gradients.items() if grad is None or not grad.isfinite().all()] == []
    assert [key for key, grad in gradients.items() if not grad.abs().sum() > 0] == []


@pytest.mark.parametrize("name", NETS)
def test_bfloat16_is_finite(name):
    with torch.autocast("cpu", torch.bfloat16):
        assert narrow(name)(images()).isfinite().all()


@pytest.mark.parametrize("name", NETS)
def test_a_state_dict_carries_the_whole_net(name):
    net, other = narrow(name), narrow(name)
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.is_floating_point():
                tensor.mul_(1.01)
        x = images()
        changed = not torch.equal(net.eval()(x), other.eval()(x))
        other.load_state_dict(net.state_dict())
        first, again, loaded = net(x), net(x), other(x)
    assert changed
    assert torch.equal(first, again)
    assert torch.equal(first, loaded)


@pytest.mark.parametrize("name", NETS)
def test_hooks_see_every_operation_once(name):
    with torch.device("meta"):
        net = build(arguments(name, 28))
    assert [key for key, module in net.named_modules() if getattr(module, "inplace", False)] == []
    calls: dict[str, int] = {}
    for key, module in net.named_modules():
        module.register_forward_hook(lambda *_, key=key: calls.__setitem__(key, calls.get(key, 0) + 1))
    shape_of_logits(net, 1, 28)
    assert {key: count for key, count in calls.items() if count != 1} == {}
    assert set(calls) | {"aux"} == {key for key, _ in net.named_modules()} | {"aux"}


@pytest.mark.parametrize(
    ("name", "size", "heads", "weight"),
    [  # Szegedy 2015, section 5; 2016, section 4, and its authors' code
        ("googlenet", 28, ["inception4a", "inception4d"], 0.3),
        ("googlenet_bn", 96, ["inception4a", "inception4d"], 0.3),
        ("inception_v3", 299, ["mixed6e"], 0.4),
    ],
)
def test_auxiliary_heads_are_for_training_alone(name, size, heads, weight):
    net = on_meta(name, size, aux_heads=True)
    assert ([*net.aux], net.aux_weight) == (heads, weight)
    x = torch.empty(2, 1, size, size, device="meta")
    logits, auxiliary = net.training_logits(x)
    assert [each.shape for each in (logits, *auxiliary)] == [(2, 10)] * (1 + len(heads))
    assert net(x).shape == (2, 10)
    assert count_parameters(net) > count_parameters(on_meta(name, size))


def test_inception_v3_with_its_auxiliary_head_has_the_published_parameters():
    net = on_meta("inception_v3", 299, in_channels=3, num_classes=1000, aux_heads=True)
    assert count_parameters(net) == 27_161_264


def test_googlenet_has_the_papers_auxiliary_heads():
    """Szegedy 2015, section 5: 1x1 convolutions of 128 channels, 4x4 pixels to 1,024 units, and 1,000 classes."""
    net = on_meta("googlenet", 224, in_channels=3, num_classes=1000, aux_heads=True)
    heads = [channels * 128 + 128 + 128 * 16 * 1024 + 1024 + 1024 * 1000 + 1000 for channels in (512, 528)]
    assert count_parameters(net) == EXPECTED["googlenet"][3] + sum(heads)
    parts = Counter(filter(None, map(part, net.aux.modules())))
    assert parts == {"AvgPool2d 5/3": 2, "ReLU": 4, "Dropout 0.7": 2}


def test_resnet_as_the_course_wires_it():
    assert count_parameters(on_meta("resnet18 model.course=true", 96)) == 11_178_378


@pytest.mark.parametrize("course", [False, True])
def test_a_class_that_nin_never_answers_is_learned_unless_it_is_wired_as_in_the_course(course):
    net = build(compose_config(["model=nin", f"model.course={str(course).lower()}"]).net_arguments)
    bias = net.features.block4.mlp2.conv.bias
    with torch.no_grad():
        bias[7] = -100
    torch.nn.functional.cross_entropy(net(torch.randn(2, 1, 28, 28)), torch.tensor([7, 0])).backward()
    assert (bias.grad[7] == 0) == course


@pytest.mark.parametrize(
    ("recipe", "params", "rate", "px", "batch_size"),
    [  # d2l, chapters 7 and 8 (its Chinese edition), counted by hand-written shape algebra
        ("lenet", 61_706, 0.9, 28, 256),
        ("lenet_bn", 44_878, 1.0, 28, 256),
        ("alexnet", 46_764_746, 0.01, 224, 128),
        ("vgg11", 43_093_322, 0.05, 224, 128),
        ("nin", 1_992_166, 0.1, 224, 128),
        ("googlenet", 5_977_530, 0.1, 96, 128),
        ("resnet18", 11_178_378, 0.05, 96, 256),
        ("densenet", 758_226, 0.1, 96, 256),
    ],
)
def test_the_recipes_of_the_course_train_the_nets_of_the_course(recipe, params, rate, px, batch_size):
    config = compose_config([f"experiment=course/{recipe}"])
    with torch.device("meta"):
        assert count_parameters(build(config.net_arguments)) == params
    assert (config.values["protocol"], config.values["trainer"]["max_epochs"]) == ("course", 10)
    assert (config.choices["optimizer"], config.values["optimizer"]["momentum"]) == ("sgd", 0)
    assert (config.values["optimizer"]["lr"], config.values["model"]["init"]) == (rate, "xavier")
    assert (config.values["data"]["resize"], config.values["data"]["batch_size"]) == (px, batch_size)
    assert FIGURES[recipe][0] == px
    assert (config.choices["scheduler"], config.values["scheduler"]["warmup"]) == ("constant", 0)
