"""What cannot be built is said in words."""

import runpy

import pytest

from cnnzoo import build, trained
from cnnzoo.errors import CodeError, UserError
from tests.composed import compose_config


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("import torch\nimport nonsense\n", "line 2: ModuleNotFoundError: No module named 'nonsense'"),
        ("\n\nclass Net(:\n", "line 3: SyntaxError: invalid syntax"),
        ("def f():\n    import json\n    json.loads('')\n\n\nf()\n", "line 3: JSONDecodeError: Expecting value"),
    ],
)
def test_a_mistake_in_a_file_is_answered_with_its_place(text, place, tmp_path, monkeypatch):
    package = tmp_path / f"mine_{abs(hash(text))}"
    package.mkdir()
    (package / "__init__.py").write_text("from . import net\n")
    (package / "net.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(build, "PACKAGE", package)
    monkeypatch.setattr(build, "CONF", tmp_path / "conf")
    with pytest.raises(ValueError, match="mend that line") as refusal:
        build.build({"_target_": f"{package.name}.net.Net"})
    what, remedy = str(refusal.value).split("\n")
    assert what.startswith(f"{package.name}/net.py, {place}")
    assert remedy == f"mend that line; {package.name}.net.Net cannot be imported without it"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a, b = (1, 2, 3)", "models/net.py, line 2: ValueError: too many values to unpack (expected 2)"),
        ("return nothing", "models/net.py, line 2: NameError: name 'nothing' is not defined"),
        ("raise NotImplementedError", "NotImplementedError"),
        ("raise ValueError('width is 3')", "width is 3"),
        ("if True: raise ValueError('width is 3')", "width is 3"),
        ("raise ValueError(\n        'width is 3'\n    )", "width is 3"),
        (
            "if 3 < None: raise ValueError('width is 3')",
            "models/net.py, line 2: TypeError: '<' not supported between instances of 'int' and 'NoneType'",
        ),
        ("int('x')  # raise", "models/net.py, line 2: ValueError: invalid literal for int() with base 10: 'x'"),
        (
            "import torch; torch.nn.ReLU().width",
            "models/net.py, line 2: AttributeError: 'ReLU' object has no attribute 'width'",
        ),
    ],
)
def test_a_mistake_in_a_nets_code_is_told_with_its_place_and_a_refusal_as_it_is(line, said, tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text(f"def make():\n    {line}\n")
    monkeypatch.setattr(build, "PACKAGE", tmp_path)
    monkeypatch.setattr(build, "CONF", tmp_path / "conf")
    made = runpy.run_path(str(tmp_path / "models" / "net.py"))
    with pytest.raises(UserError) as refusal, build.in_words():
        made["make"]()
    what, *more = str(refusal.value).splitlines()
    assert what == said
    assert isinstance(refusal.value, CodeError) == said.startswith("models/") == bool(more)


def test_a_class_that_is_not_there_is_answered_with_where_to_look_for_its_name():
    with pytest.raises(
        ValueError, match=r"Nope.* cannot be loaded: .*\nlook for its name at _target_ in its yaml and in"
    ):
        build.build({"_target_": "cnnzoo.models.Nope"})


def test_a_trained_net_that_cannot_be_built_any_more_is_answered_in_words(tmp_path, monkeypatch):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "best.ckpt").touch()
    config = compose_config([])
    config.values["model"]["dense"] = 3
    monkeypatch.setattr(trained, "read_run", lambda folder: (config, {"status": "completed"}))
    with pytest.raises(
        UserError, match=r"argument 'dense'\nlook at the keys beside _target_: cnnzoo\.models\.LeNet in its"
    ):
        trained.load(tmp_path)
