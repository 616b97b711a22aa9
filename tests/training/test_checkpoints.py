import pytest
import torch

from cnnzoo.training import checkpoints
from cnnzoo.training.checkpoints import AtomicCheckpointIO, load_weights


def test_a_save_that_fails_keeps_the_previous_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "checkpoints" / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"state_dict": {"w": torch.ones(3)}}, path)

    def disk_full(checkpoint, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.torch, "save", disk_full)
    with pytest.raises(OSError, match="No space"):
        AtomicCheckpointIO().save_checkpoint({}, path)
    assert load_weights(path)["w"].tolist() == [1, 1, 1]
    assert [item.name for item in path.parent.iterdir()] == ["last.ckpt"]


def test_a_checkpoint_with_an_object_in_it_is_refused(tmp_path):
    torch.save({"state_dict": {}, "callback": print}, tmp_path / "evil.ckpt")
    with pytest.raises(Exception, match="Weights only load failed"):
        load_weights(tmp_path / "evil.ckpt")
