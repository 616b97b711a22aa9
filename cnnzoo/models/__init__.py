"""The nets, one file a family. `conf/model/*.yaml` is the registry: a net's name is its file's name."""

from cnnzoo.models.lenet import LeNet
from cnnzoo.models.mlp import MLP

__all__ = ["MLP", "LeNet"]
