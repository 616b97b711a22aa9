"""Configurations that would run code (RELIABILITY T17)."""

import json
import shutil
import subprocess
import sys

import pytest

import sweep
import train
from cnnzoo.checks import check_config
from cnnzoo.errors import UserError
from cnnzoo.record import read_record
from cnnzoo.reload import read_run
from tests.composed import compose_config
from tests.conftest import ROOT
from tests.test_reload import finished  # noqa: F401 (a fixture)
from tests.typed import type_in

HOSTILE = [
    "os.system",
    "os.popen",
    "os.execv",
    "os.remove",
    "os.rename",
    "os.kill",
    "os._exit",
    "posix.system",
    "nt.system",
    "subprocess.run",
    "subprocess.Popen",
    "subprocess.call",
    "subprocess.check_output",
    "builtins.eval",
    "builtins.exec",
    "builtins.open",
    "builtins.compile",
    "builtins.__import__",
    "builtins.print",
    "pathlib.Path.write_text",
    "pathlib.Path.unlink",
    "pathlib.Path.rmdir",
    "io.open",
    "shutil.rmtree",
    "shutil.move",
    "shutil.copyfile",
    "urllib.request.urlopen",
    "urllib.request.urlretrieve",
    "socket.create_connection",
    "http.server.test",
    "pickle.loads",
    "pickle.load",
    "marshal.loads",
    "torch.load",
    "torch.hub.load",
    "torch.save",
    "runpy.run_path",
    "importlib.import_module",
    "ctypes.CDLL",
    "pdb.set_trace",
    "code.interact",
    "antigravity.webbrowser.open",
    "hydra.utils.instantiate",
    "hydra.utils.call",
    "cnnzoo.models.vgg.torch.load",
    "torch.optim.os.system",
    "cnnzoo.models.MLP",
    "cnnzoo.data.files.subprocess.run",
]


@pytest.mark.parametrize("target", HOSTILE)
def test_a_target_that_is_not_in_the_yaml_is_refused_and_not_imported(target, finished, tmp_path, count):  # noqa: F811
    with pytest.raises(UserError, match="_target_"):
        check_config(compose_config([f"model._target_={target}"]))
    with pytest.raises(UserError, match="_target_"):
        check_config(compose_config([f"optimizer._target_={target}"]))
    with pytest.raises(UserError, match=r"unknown key 'data\.hook'"):
        check_config(compose_config([f"+data.hook._target_={target}"]))
    record = read_record(finished)
    record["config"]["scheduler"]["_target_"] = target
    (tmp_path / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="_target_"):
        read_run(str(tmp_path))
    assert "antigravity" not in sys.modules
    count("T17")


@pytest.mark.parametrize(
    ("said", "key"),
    [("callbacks: {{x: {}}}", "hydra.callbacks.x._target_"), ("launcher: {{setup: [{}]}}", "hydra.launcher.setup")],
)
def test_an_experiment_makes_hydra_call_nothing(said, key, tmp_path, monkeypatch, capsys, count):
    """Its callbacks are made before anything else of a configuration is looked at."""
    conf = tmp_path / "conf"
    shutil.copytree(ROOT / "conf", conf)
    target = f"{{_target_: pathlib.Path.touch, _args_: [{{_target_: pathlib.Path, _args_: [{tmp_path}/canary]}}]}}"
    (conf / "experiment" / "mine.yaml").write_text(f"# @package _global_\nhydra:\n  {said.format(target)}\n")
    monkeypatch.setattr("cnnzoo.choices.CONF", conf)
    monkeypatch.chdir(tmp_path)
    for program, typed in (
        (train, "experiment=mine"),
        (sweep, "experiment='mine'"),
        (sweep, "experiment=course/nin, mine"),
    ):
        assert type_in(program, typed) == 2
        assert f"mine.yaml: {key} is set by cnnzoo itself\nleave it out" in capsys.readouterr().err
    assert not (tmp_path / "canary").exists()
    count("T17")


def test_hydra_itself_would_write_the_file(tmp_path):
    """The negative control: Hydra's own list of what is refused lets this through."""
    code = (
        "from hydra.utils import instantiate; from pathlib import Path; "
        f"instantiate({{'_target_': 'pathlib.Path.write_text', '_args_': [Path({str(tmp_path / 'canary')!r}), 'x']}})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    assert (tmp_path / "canary").read_text() == "x"
