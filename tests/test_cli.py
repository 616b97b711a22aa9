"""The command lines as a user meets them: real processes."""

import os
import subprocess
import sys
import time

import pytest

from tests.conftest import ROOT

FAST = 1.0  # seconds; 0.4 on an idle machine

# What is typed, what the answer contains, and whether it must come at once.
REFUSED = [
    (["model=vgg99"], ["unknown model 'vgg99'", "all of them:", "lenet"], True),
    (["model=lenett"], ["did you mean lenet, "], True),
    (["data.resize=abc"], ["data.resize must be a whole number", "type for example data.resize=28"], True),
    (["data.batch_size=0"], ["data.batch_size must be"], True),
    (["trainer.precision=fp7"], ["one of auto, 32-true, bf16-mixed, 16-mixed"], True),
    (["modle=lenet"], ["unknown key 'modle'; did you mean model?"], True),
    (["data.resizee=96"], ["unknown key 'data.resizee'; did you mean data.resize"], True),
    (["+modle=lenet"], ["unknown key 'modle'; did you mean model?"], True),
    (["lenet"], ["cannot read 'lenet'", "type key=value"], True),
    (["--model=lenet"], ["are written without dashes", "type model=lenet"], True),
    (["-x"], ["'-x' is no option", "python train.py --help"], True),
    (["model=lenet,mlp"], ["is several values, and this is one run"], True),
    (["--modle=lenet"], ["type modle=lenet"], True),
    (["data=28"], ["a group is chosen by the name of one of its options"], True),
    (["model=null"], ["a group is chosen by the name of one of its options"], True),
    (["-m", "seed=0,1"], ["train.py is one run"], True),
    (["seed=${data.nothing}"], ["data.nothing"], True),
    (["hydra.run.dir=${nothing}"], ["nothing"], True),
    (["hydra.run.dir=" + 300 * "a"], ["cannot write to", "File name too long"], True),
    (["data.resize=8"], ["lenet needs data.resize >= 12", "type data.resize=12"], True),
    (["hydra.run.dir=/dev/null/run"], ["cannot write to /dev/null/run", "type hydra.run.dir=DIR"], True),
    (["hydra.run.dir=old"], ["old already holds a run", "type hydra.run.dir=DIR"], True),
    (["data.resize=15", "model.padding=0"], ["at stage2; this net needs data.resize >= 16"], False),
    (
        ["data=synthetic", "data.batch_size=6000"],
        ["data.batch_size=6000 is too large for 5,500 training images"],
        False,
    ),
    (["trainer.limit_val_batches=0.001"], ["trainer.limit_val_batches=0.001 of 20 batches is none"], False),
    (["model.norm=layer"], ["model.norm must be one of none, batch"], False),
    (["model=lenet_bn", "data.batch_size=1"], ["batch norm cannot learn from one image"], False),
]


def train(*overrides, cwd, **environment):
    command = [sys.executable, str(ROOT / "train.py"), *overrides]
    start = time.monotonic()
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **environment})
    return result, time.monotonic() - start


@pytest.mark.parametrize(
    ("overrides", "answer", "fast"),
    REFUSED,
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_a_mistake_is_answered_in_words_and_leaves_nothing_behind(tmp_path, overrides, answer, fast):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "run.json").write_text("{}")
    result, seconds = train(*overrides, cwd=tmp_path)
    if fast and seconds > FAST:  # the machine may have been busy
        result, seconds = train(*overrides, cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.splitlines()) <= 6
    assert all(part in result.stderr for part in answer), result.stderr
    assert seconds < FAST or not fast
    assert [path.name for path in tmp_path.rglob("*")] == ["old", "run.json"]


def test_the_traceback_is_there_for_who_wants_it(tmp_path):
    result, _ = train("model=vgg99", cwd=tmp_path, HYDRA_FULL_ERROR="1")
    assert "Traceback" in result.stderr
    assert result.returncode != 0


def test_help_names_groups_and_keys_at_once(tmp_path):
    result, seconds = train("--help", cwd=tmp_path)
    assert result.returncode == 0
    assert all(
        part in result.stdout for part in ("model: alexnet, ", "optimizer: adam", "batch_size: 256", "trainer=smoke")
    )
    assert seconds < FAST
    assert not list(tmp_path.iterdir())


def test_a_key_given_twice_is_said(tmp_path):
    result, _ = train("data.resize=28", "data.resize=8", cwd=tmp_path)
    assert "note: data.resize is given 2 times, using data.resize=8" in result.stderr


def test_a_run_in_a_folder_with_an_awkward_name(tmp_path):
    result, _ = train("data=synthetic", "trainer=smoke", "hydra.run.dir='new folder/größe=1'", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "new folder" / "größe=1" / "run.json").exists()


def test_the_data_verb_says_what_is_where(tmp_path):
    command = [sys.executable, "-m", "cnnzoo", "data", "data=synthetic"]
    result = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert result.returncode == 0, result.stderr
    assert "6,000 training and 1,000 test images, 1x28x28" in result.stdout
    assert (tmp_path / "outputs" / "synthetic.png").stat().st_size > 10_000
