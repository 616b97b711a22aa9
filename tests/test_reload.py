"""`resume=` and what a run's folder is believed."""

import json
import shlex
import signal
import subprocess
import sys
import time

import pytest
from hydra import compose, initialize_config_dir

import train as train_module
from cnnzoo.choices import CONF
from cnnzoo.commands import resume_command
from cnnzoo.errors import UserError
from cnnzoo.record import read_record, write_record
from cnnzoo.reload import change_later_keys, read_run
from cnnzoo.run import train
from tests.composed import compose_config
from tests.conftest import ROOT
from tests.test_resume import SMOKE
from tests.typed import type_in


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "mlp"
    train(compose_config([*SMOKE, "model=mlp", "model.hidden=[32]"]), folder)
    return folder


def test_what_was_asked_for_is_read_back(finished):
    config, record = read_run(str(finished))
    asked = compose_config([*SMOKE, "model=mlp", "model.hidden=[32]"])
    assert (config.values, config.choices) == (asked.values, asked.choices)
    assert record["status"] == "completed"


def test_a_run_from_before_there_was_a_key_is_read_as_with_its_usual_value(finished, tmp_path, capsys):
    record = read_record(finished)
    del record["config"]["model"]["init"], record["config"]["pictures"]
    write_record(tmp_path, record)
    assert read_run(str(tmp_path))[0].values == read_run(str(finished))[0].values | {"pictures": True}
    assert capsys.readouterr().err == f"note: {tmp_path} is from before there was model.init, now kaiming\n"


def test_the_rates_of_other_optimizers_may_have_changed_since(finished, tmp_path, capsys):
    record = read_record(finished)
    record["config"]["model"]["lr"] = {"nadam": 0.1}
    write_record(tmp_path, record)
    assert read_run(str(tmp_path))[0].values == read_run(str(finished))[0].values
    assert capsys.readouterr().err == ""
    record["config"]["model"]["depth"] = 3
    write_record(tmp_path, record)
    with pytest.raises(
        UserError, match=r"has a value of model.depth, which no file in conf/ has any more\nput it back"
    ):
        read_run(str(tmp_path))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("~pictures", "'~pictures' takes away what every run has\nleave it out"),
        ("data.root=/tmp", "unknown key 'data.root': synthetic has none\nleave it out"),
        ("seed=1", "a resumed run keeps its settings"),
    ],
)
def test_what_may_not_be_changed_later_is_refused(override, words, finished):
    config, _ = read_run(str(finished))
    with pytest.raises(UserError, match=words):
        change_later_keys(config, [override])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "folder of a run is missing"),
        ("https://example.org/run", "is a URL, and is not opened"),
        ("s3://bucket/run", "is a URL, and is not opened"),
        ("nowhere", "no run in nowhere: it has no run.json"),
        ("outputs/a/checkpoints/last.ckpt", "the folder of its run is asked for\ntype outputs/a"),
    ],
)
def test_what_is_no_run_is_said_to_be_none(name, words, in_tmp):
    with pytest.raises(UserError, match=words):
        read_run(name)


DAMAGE = {
    "half": lambda record: "{",
    "another schema": lambda record: json.dumps(record | {"schema": 99}),
    "no config": lambda record: json.dumps({"schema": 1, "status": "completed"}),
    "a list": lambda record: "[]",
    "an unknown net": lambda record: json.dumps(record | {"choices": record["choices"] | {"model": "evil"}}),
    "a choice that is an override": lambda record: json.dumps(
        record | {"choices": record["choices"] | {"+model.evil._target_": "cnnzoo.data.images.torch.load"}}
    ),
    "choices that are a list": lambda record: json.dumps(record | {"choices": ["model"]}),
    "a choice outside of conf": lambda record: json.dumps(record | {"choices": record["choices"] | {"model": "../x"}}),
    "another target": lambda record: json.dumps(
        record | {"config": record["config"] | {"model": record["config"]["model"] | {"_target_": "os.system"}}}
    ),
    "an unknown key": lambda record: json.dumps(record | {"config": record["config"] | {"evil": 1}}),
    "a nonsense value": lambda record: json.dumps(record | {"config": record["config"] | {"seed": "x"}}),
}


def test_a_run_outlives_the_file_of_its_experiment(finished, tmp_path):
    record = read_record(finished)
    write_record(tmp_path, record | {"choices": record["choices"] | {"experiment": "mine_renamed"}})
    assert read_run(str(tmp_path))[0].values == record["config"]


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_record_that_cnnzoo_did_not_write_is_refused(kind, finished, tmp_path):
    (tmp_path / "run.json").write_text(DAMAGE[kind](read_record(finished)))
    with pytest.raises(UserError) as refused:
        read_run(str(tmp_path))
    assert str(refused.value).count("\n") <= 5


def test_only_what_does_not_change_the_figures_can_be_changed(finished, tmp_path):
    config, fashion = read_run(str(finished))[0], compose_config([])
    changed = change_later_keys(config, ["checkpoint.every_minutes=5", "export=onnx"])
    assert changed.values == config.values | {"checkpoint": {"every_minutes": 5}, "export": "onnx"}
    assert changed.hash8 == config.hash8
    moved = change_later_keys(config, ["trainer.accelerator=cpu"])
    assert moved.values == config.values | {"trainer": config.values["trainer"] | {"accelerator": "cpu"}}
    write_record(tmp_path, {"status": "running", "choices": fashion.choices, "config": fashion.values})
    elsewhere = change_later_keys(read_run(str(tmp_path))[0], ["data.root=elsewhere"])
    assert elsewhere.values == fashion.values | {"data": fashion.values["data"] | {"root": "elsewhere"}}
    with pytest.raises(UserError, match="'seed=3' would change them"):
        change_later_keys(config, ["seed=3"])


def test_a_run_that_a_gpu_completed_is_no_mistake_where_there_is_none(finished, tmp_path, capsys):
    record = read_record(finished)
    record["config"]["trainer"] |= {"accelerator": "gpu", "precision": "16-mixed"}
    (tmp_path / "run.json").write_text(json.dumps(record))
    assert train(read_run(str(tmp_path))[0], tmp_path, resume=True) == record
    assert "is completed, with a test accuracy of" in capsys.readouterr().out
    assert type_in(train_module, f"resume={tmp_path}") == 0
    assert "is completed, with a test accuracy of" in capsys.readouterr().out
    (tmp_path / "run.json").write_text(json.dumps(record | {"status": "preempted"}))
    with pytest.raises(UserError, match="this machine has none"):
        train(read_run(str(tmp_path))[0], tmp_path, resume=True)


def test_a_run_is_read_back_within_somebodys_own_hydra_program(finished, tmp_path):
    (tmp_path / "train.yaml").write_text("theirs: 1")
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        assert read_run(str(finished))[0].name == "mlp-28-adamw-s0"
        assert compose("train") == {"theirs": 1}


def test_the_command_goes_on_with_a_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    command = [sys.executable, str(ROOT / "train.py"), "data=synthetic", "hydra.run.dir=run", "trainer.max_epochs=30"]
    first = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "run" / "metrics.csv").exists():
        time.sleep(0.05)
        assert first.poll() is None
    first.send_signal(signal.SIGTERM)
    _, said = first.communicate()
    assert first.returncode == 143
    assert said == (
        "SIGTERM: saving and stopping after this batch\n"
        "stopped by SIGTERM; to go on: python train.py resume=run\n"
    )  # fmt: skip
    epochs = read_record(tmp_path / "run")["epochs"]
    assert 1 <= epochs < 30
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["config"]["trainer"]["max_epochs"] = epochs + 1  # so that the test ends soon
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert type_in(train_module, "resume=run") == 0
    out, said = capsys.readouterr()
    assert said == ""
    assert f"epoch {epochs + 1}/{epochs + 1}" in out
    assert type_in(train_module, "resume=run") == 0
    assert "is completed, with a test accuracy of" in capsys.readouterr().out
    assert type_in(train_module, "data=synthetic", "hydra.run.dir=run") == 2
    words = "type hydra.run.dir=DIR with a new folder, or python train.py resume=run\n"
    assert capsys.readouterr().err.endswith(words)
    assert {path.name for path in tmp_path.iterdir()} == {"run"}


@pytest.mark.parametrize("name", ["new folder, größe=1", "it's", "${HOME}", "$HOME", '"`date`"'])
def test_what_is_said_to_go_on_can_be_typed(name, in_tmp):
    assert resume_command(in_tmp / "outputs" / "lenet-28") == "python train.py resume=outputs/lenet-28"
    awkward = in_tmp / name
    _, override = shlex.split(resume_command(awkward))[1:]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert compose("train", [override]).resume == awkward.name
