"""What is known of a run before any data are read, or that it is impossible."""

from dataclasses import dataclass
from typing import Any

from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from cnnzoo.analysis.trace import total, trace_layers
from cnnzoo.blocks import BATCH_NORMS
from cnnzoo.build import build, build_data, build_net_without_weights, build_optimizer, in_words
from cnnzoo.config import RunConfig
from cnnzoo.trained import check_export
from cnnzoo.training.device import check_compiler, choose_device, resolve_precision


@dataclass(frozen=True)
class Facts:
    """What is known of a run before any data are read.

    Attributes:
        precision: as Lightning calls it.
        stem: which of its stems the net chose.
        params: learned values.
        conv_params: those of convolutions.
        dense_params: those of dense layers.
        num_convs: convolutions that an image passes.
        num_dense: dense layers that an image passes.
        macs: multiply-adds for one image.
        input_shape: (C, H, W) of what the net sees.
    """

    precision: str
    stem: str
    params: int
    conv_params: int
    dense_params: int
    num_convs: int
    num_dense: int
    macs: int
    input_shape: tuple[int, int, int]


def check(config: RunConfig, *, here: bool = True) -> Facts:
    """Build the net without its weights, its optimizer and its scheduler, and return what that tells.

    With `here` false the run was or will be on another machine, whose device and number format are not known here.

    Raises:
        UserError: one of them cannot be built as the configuration has it.
    """
    data, options = config.values["data"], config.values["trainer"]
    shape = (data["channels"], data["resize"], data["resize"])
    check_export(config)
    with in_words():
        precision = options["precision"]
        if here or options["accelerator"] == "cpu":
            device = choose_device(options["accelerator"])
            precision = resolve_precision(precision, device)
            if config.values["compile"]:
                check_compiler(device)
        net = build_net_without_weights(config)
        returned: list[Any] = []
        net.register_forward_hook(lambda module, images, logits: returned.append(getattr(logits, "shape", None)))
        layers = trace_layers(net, shape)
        if returned[-1] != (1, data["num_classes"]):
            what = f"{tuple(returned[-1])} for one image" if returned[-1] else "no tensor"
            wanted = f"(N, {data['num_classes']})"
            raise ValueError(f"{config.choices['model']} returns {what}\nlet it return logits of shape {wanted}")
        optimizer = build_optimizer(config)(net.parameters())
        scheduler = build(config.values["scheduler"])(optimizer, total_steps=100)
        if not isinstance(scheduler, LRScheduler) or isinstance(scheduler, ReduceLROnPlateau):
            what = f"scheduler={config.choices['scheduler']} makes {type(scheduler).__name__}"
            raise ValueError(f"{what}, and not what is stepped after each batch\nlet its function return a LambdaLR")
        images = build_data(config)
        name, count = config.choices["data"], len(images.class_names)
        if count != data["num_classes"]:
            wrong = f"data.num_classes is {data['num_classes']}, and the images have {count} classes"
            raise ValueError(f"{wrong}\nwrite num_classes: {count} into conf/data/{name}.yaml")
        images.check_limits({name: options[f"limit_{name}_batches"] for name in ("train", "val", "test")})
        if data["batch_size"] == 1 and any(isinstance(module, BATCH_NORMS) for module in net.modules()):
            raise ValueError("batch norm cannot learn from one image at a time\ntype data.batch_size=2 or more")
    totals = total(layers)
    passed = [layer.part for layer in layers if layer.macs]
    return Facts(
        precision=precision,
        stem=net.stem,
        params=totals.params,
        conv_params=totals.conv_params,
        dense_params=totals.dense_params,
        num_convs=passed.count("convolution"),
        num_dense=passed.count("dense"),
        macs=totals.macs,
        input_shape=shape,
    )
