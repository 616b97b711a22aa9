import json
import subprocess

import pytest

from cnnzoo.errors import UserError
from cnnzoo.record import foreign_files, git_state, holds_run, read_history, read_record, write_record


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = {"status": "running", "choices": {}, "config": {"seed": 0}, "name": "größe", "input_shape": (1, 28, 28)}
    write_record(tmp_path, record)
    assert read_record(tmp_path) == {"schema": 1, **record, "input_shape": [1, 28, 28]}


@pytest.mark.parametrize(
    "other", [[], {}, {"status": "running", "choices": {}}, {"status": 1, "choices": {}, "config": {}}]
)
def test_what_is_not_of_a_run_is_no_record(other, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps(other))
    with pytest.raises(ValueError, match="it is not of a run, which has status, choices, config"):
        read_record(tmp_path)


def test_numbers_that_json_does_not_have_become_null(tmp_path):
    write_record(tmp_path, {"metrics": {"val/loss": float("nan"), "rows": [float("inf"), 1.5]}})
    text = (tmp_path / "run.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["metrics"] == {"val/loss": None, "rows": [None, 1.5]}


@pytest.mark.parametrize("column", ["epoch", "seconds", "val/acc", "train/loss"])
def test_a_history_without_one_of_its_columns_is_damaged(column, tmp_path):
    header = "epoch,step,train/loss,train/acc,val/loss,val/acc,lr,seconds,images_per_second"
    (tmp_path / "metrics.csv").write_text(f"{header}\n1,4,2,0.5,2,0.5,0.1,1,9\n")
    assert read_history(tmp_path)[0]["epoch"] == 1
    (tmp_path / "metrics.csv").write_text(f"{header.replace(column, 'x')}\n1,4,2,0.5,2,0.5,0.1,1,9\n")
    with pytest.raises(UserError, match=r"metrics\.csv is damaged: it has no column"):
        read_history(tmp_path)


def test_checksums_of_something_else_are_not_written_over(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "SHA256SUMS").write_text("0 *notes")
    assert foreign_files(tmp_path) == ["checkpoints/SHA256SUMS"]


def test_git_state_tells_commit_and_changes(tmp_path):
    assert git_state(tmp_path) is None
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    clean = git_state(tmp_path)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (tmp_path / "jobs.txt").touch()
    assert git_state(tmp_path) == clean
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "mine.yaml").touch()
    assert git_state(tmp_path) == {**clean, "dirty": True}


@pytest.mark.parametrize("name", ["metrics.csv", "confusion.csv", "config.yaml", "model.onnx"])
def test_what_no_run_has_made_is_named(name, tmp_path):
    (tmp_path / name).touch()
    assert foreign_files(tmp_path) == [name]


@pytest.mark.parametrize(
    ("status", "epochs", "holds"),
    [("failed", 0, False), ("preempted", 0, False), ("failed", None, False), ("failed", 1, True), ("running", 0, True)],
)
def test_a_run_that_never_trained_holds_nothing(status, epochs, holds, tmp_path):
    write_record(tmp_path, {"status": status, "choices": {}, "config": {}, "epochs": epochs})
    assert holds_run(tmp_path) is holds
