import json
import subprocess

import pytest

from cnnzoo.record import atomic_file, git_state, read_record, write_record


def test_a_record_is_read_as_it_was_written(tmp_path):
    write_record(tmp_path, {"status": "running", "name": "größe", "input_shape": (1, 28, 28)})
    assert read_record(tmp_path) == {"schema": 1, "status": "running", "name": "größe", "input_shape": [1, 28, 28]}


def test_numbers_that_json_does_not_have_become_null(tmp_path):
    write_record(tmp_path, {"metrics": {"val/loss": float("nan"), "rows": [float("inf"), 1.5]}})
    text = (tmp_path / "run.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["metrics"] == {"val/loss": None, "rows": [None, 1.5]}


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"good")

    def write():
        with atomic_file(path) as file:
            file.write(b"half of the n")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write()
    assert path.read_bytes() == b"good"
    assert [item.name for item in tmp_path.iterdir()] == ["last.ckpt"]


def test_git_state_tells_commit_and_changes(tmp_path):
    assert git_state(tmp_path) is None
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "one"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    clean = git_state(tmp_path)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (tmp_path / "new").touch()
    assert git_state(tmp_path) == {**clean, "dirty": True}
