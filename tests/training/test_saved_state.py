import pytest
from torch import nn

from cnnzoo.errors import UserError
from cnnzoo.training import checkpoint_files
from cnnzoo.training.saved_state import check_fits

NET = nn.Linear(2, 1)
STATE = {
    "state_dict": {f"net.{name}": value for name, value in NET.state_dict().items()},
    "global_step": 3,
    "callbacks": {"History": {"epochs": 1}},
}


@pytest.mark.parametrize(
    "other",
    [
        {"callbacks": {}},
        {"callbacks": None},
        {"global_step": "three"},
        {"global_step": None},
        {"state_dict": []},
        {"state_dict": {"net.weight": 1.0}},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_program_is_answered_in_words(other, tmp_path):
    checkpoint_files.save(STATE, tmp_path / "last.ckpt")
    assert check_fits(tmp_path / "last.ckpt", NET) == (3, 1)
    checkpoint_files.save(STATE | other, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match=r"last\.ckpt is not one of cnnzoo's checkpoints: .*\ntype the folder of a run"):
        check_fits(tmp_path / "last.ckpt", NET)


def test_a_number_that_a_net_has_no_more_is_not_missing_in_its_checkpoint(tmp_path):
    norm = {f"net.{name}": value for name, value in nn.BatchNorm2d(3).state_dict().items()}
    checkpoint_files.save(STATE | {"state_dict": norm}, tmp_path / "last.ckpt")
    with pytest.raises(UserError, match=r"num_batches_tracked is \(\) there and missing here"):
        check_fits(tmp_path / "last.ckpt", nn.GroupNorm(1, 3))
