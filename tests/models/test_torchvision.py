"""The same logits as torchvision's nets, with the same weights, wherever the wiring is the same.

Not here: torchvision's GoogLeNet has a 3x3 convolution in its 5x5 branch, and batch norm (pytorch/vision#906); its
AlexNet is the narrower net of 2014. torchvision has no NiN, Inception v4 or Inception-ResNet.
"""

import pytest
import torch
import torchvision

from cnnzoo.build import build
from tests.models.test_zoo import arguments

PAIRS = {
    "vgg11": ("vgg11", 64),
    "vgg16 model.norm=batch": ("vgg16_bn", 64),
    "resnet18": ("resnet18", 64),
    "resnet50": ("resnet50", 64),
    "densenet121": ("densenet121", 64),
    "inception_v3": ("inception_v3", 96),
}


@pytest.mark.parametrize("name", PAIRS)
def test_logits_equal_torchvisions(name):
    reference_name, size = PAIRS[name]
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": True} if "inception" in name else {}
    reference = getattr(torchvision.models, reference_name)(num_classes=10, **options).eval()
    if "vgg" in name:  # torchvision averages to 7x7 before its dense layers; here they fit the image
        reference.avgpool = torch.nn.Identity()
        side = size // 32
        reference.classifier[0] = torch.nn.Linear(512 * side * side, 4096)
    net = build(arguments(name, size, in_channels=3, stem="paper")).eval()
    ours, theirs = net.state_dict(), reference.state_dict()
    assert [tuple(tensor.shape) for tensor in ours.values()] == [tuple(tensor.shape) for tensor in theirs.values()]
    for key, tensor in theirs.items():  # so that they matter, and leave the last maps alive
        if key.endswith("running_mean"):
            tensor.uniform_(-0.1, 0.1)
        elif key.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
    net.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))
    reference.load_state_dict(theirs)
    x = torch.randn(2, 3, size, size)
    with torch.no_grad():
        logits = reference(x)
        assert (logits[0] - logits[1]).abs().max() > 1e-3 * logits.abs().max()  # they see the images
        torch.testing.assert_close(net(x), logits, rtol=1e-4, atol=1e-4)
