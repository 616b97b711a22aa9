"""What the documents say of the code."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from cnnzoo.choices import options
from cnnzoo.errors import UserError
from tests.composed import compose_config
from tests.reference_cost import count_parameters

DOCS = Path(__file__).parents[1] / "docs"
OPTIMIZERS = ("adamw", "sgd", "rmsprop", "adam")  # in the order of the table


@pytest.mark.parametrize(
    ("name", "arguments"), [("Tiny", {"width": 16}), ("MobileNet", {"width": 1.0, "stem": "auto"})]
)
def test_the_nets_of_the_guide_have_the_parameters_that_it_says(name, arguments, tmp_path):
    text = (DOCS / "extending.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (tmp_path / "net.py").write_text(next(each for each in code if f"class {name}(" in each))
    made = runpy.run_path(str(tmp_path / "net.py"))[name]
    (said,) = re.findall(rf'"{name.lower()}": \(([\d_, ]+)\)', text)
    with torch.device("meta"):
        nets = [made(in_channels=1, num_classes=10, image_size=size, **arguments) for size in (28, 96, 224)]
        nets.append(made(in_channels=3, num_classes=1000, image_size=224, **arguments))
    assert [count_parameters(net) for net in nets] == [int(count) for count in said.split(",")]


def test_the_images_of_the_guide_are_loaded_as_it_says(in_tmp):
    text = (DOCS / "extending.md").read_text()
    code = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (in_tmp / "own.py").write_text(next(each for each in code if "class OwnDataModule(" in each))
    (in_tmp / "own.yaml").write_text(re.findall(r"^```yaml\n(# Cats.*?)^```", text, re.DOTALL | re.MULTILINE)[0])
    values = OmegaConf.to_container(OmegaConf.load(in_tmp / "own.yaml"))
    assert values.pop("_target_") == "cnnzoo.data.OwnDataModule"
    assert values.keys() | {"root"} == compose_config([]).values["data"].keys() - {"_target_"}
    module = runpy.run_path("own.py")["OwnDataModule"]
    assert len(module.class_names) == values.pop("num_classes")
    data = module(**values, protocol="holdout", seed=0)
    with pytest.raises(UserError, match=r"OwnDataModule cannot load its images: .*own\.npz"):
        data.setup()
    (in_tmp / "data").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (1000, 1, 28, 28), np.uint8)
    np.savez("data/own.npz", pixels=pixels, labels=np.arange(1000) % 2)
    data.setup()
    assert data.facts == {"train": 826, "val": 74, "test": 100, "sha256": {}}
    images, labels = next(iter(data.val_dataloader()))
    assert images.shape == (74, 1, 28, 28)
    assert labels.bincount().tolist() == [37, 37]


def test_the_rates_of_every_net_are_those_that_were_chosen():
    chosen = {}
    for line in (DOCS / "learning-rates.md").read_text().splitlines():
        if row := re.fullmatch(r"\| `(\w+)` \|(.*)\|", line):
            rates = compose_config([f"model={row[1]}"]).values["model"]["lr"]
            for optimizer, cell in zip(OPTIMIZERS, row[2].split("|"), strict=True):
                bold = {float(rate) for rate in re.findall(r"\*\*([\d.e-]+): ", cell)}
                assert bold <= {rates[optimizer]}, (row[1], optimizer)
                chosen[row[1]] = chosen.get(row[1], 0) + bool(bold)
    assert {*chosen} == {*options("model")}  # each net has a row
    assert min(chosen.values()) >= 3


def test_optimizers_have_the_values_that_their_files_explain():
    values = {name: compose_config([f"optimizer={name}"]).values["optimizer"] for name in OPTIMIZERS}
    assert {name: each.get("momentum") for name, each in values.items()} == {
        "adamw": None,
        "sgd": 0.9,
        "rmsprop": 0.9,
        "adam": None,
    }
    assert {name: each["weight_decay"] for name, each in values.items()} == {
        "adamw": 0.01,
        "sgd": 0.0,
        "rmsprop": 0.0,
        "adam": 0.0,
    }
