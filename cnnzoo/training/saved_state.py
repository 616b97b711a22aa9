"""What a checkpoint holds, read by itself: how far the run was, and the weights."""

from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from cnnzoo.errors import UserError
from cnnzoo.training import checkpoint_files
from cnnzoo.training.history import History


class Progress(NamedTuple):
    """How far a run was when it was saved: optimizer steps, and epochs that had ended."""

    step: int
    epochs: int


START = Progress(step=0, epochs=0)


def check_fits(path: Path, net: nn.Module) -> Progress:
    """Check that the checkpoint at `path` is one of `net`; return how far it was.

    Raises:
        UserError: it is not, or it is damaged.
    """
    state = checkpoint_files.load(path, map_location="meta")
    try:
        found = {name: value.shape for name, value in _weights_in(state).items()}
        progress = Progress(int(state["global_step"]), int(state["callbacks"][History.__qualname__]["epochs"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} is not one of cnnzoo's checkpoints: {error}\ntype the folder of a run") from error
    wanted = {name: value.shape for name, value in net.state_dict().items()}
    if different := sorted(name for name in found.keys() | wanted.keys() if found.get(name) != wanted.get(name)):
        there, here = (tuple(each[different[0]]) if different[0] in each else "missing" for each in (found, wanted))
        raise UserError(
            f"{path} is not of the net that its run.json describes: {different[0]} is {there} there and {here} here\n"
            "put the net's class back as it was then, or type the folder of another run"
        )
    return progress


def load_weights(path: Path) -> dict[str, Any]:
    """Return the state dict of the net in the checkpoint at `path`."""
    return _weights_in(checkpoint_files.load(path))


def _weights_in(state: dict[str, Any]) -> dict[str, Any]:
    return {name.removeprefix("net."): value for name, value in state["state_dict"].items() if name.startswith("net.")}
