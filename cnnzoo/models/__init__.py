"""The nets, one file a family. `conf/model/*.yaml` is the registry: a net's name is its file's name."""

from cnnzoo.models.alexnet import AlexNet
from cnnzoo.models.densenet import DenseNet
from cnnzoo.models.googlenet import GoogLeNet
from cnnzoo.models.inception_resnet import InceptionResNetV1, InceptionResNetV2
from cnnzoo.models.inception_v3 import InceptionV3
from cnnzoo.models.inception_v4 import InceptionV4
from cnnzoo.models.lenet import LeNet
from cnnzoo.models.lenet5 import LeNet5
from cnnzoo.models.mlp import MLP
from cnnzoo.models.nin import NiN
from cnnzoo.models.resnet import ResNet
from cnnzoo.models.vgg import VGG

__all__ = [
    "MLP",
    "VGG",
    "AlexNet",
    "DenseNet",
    "GoogLeNet",
    "InceptionResNetV1",
    "InceptionResNetV2",
    "InceptionV3",
    "InceptionV4",
    "LeNet",
    "LeNet5",
    "NiN",
    "ResNet",
]
