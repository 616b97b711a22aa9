"""What a run computes on, and in which number format."""

import ctypes
import os
import platform
import re
import resource
import shutil
import sys
import sysconfig
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from cnnzoo.training.pooling import SpreadAvgPool2d, is_of_two

Net = TypeVar("Net", bound=nn.Module)
VECTOR = 8  # float32 numbers, with AVX2
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # parameters of mallopt(3)


def choose_device(accelerator: str) -> torch.device:
    """Return the device for `trainer.accelerator`: auto (the best there is), gpu, mps or cpu.

    Raises:
        ValueError: there is none of that kind, or this torch cannot use it.
    """
    # Lightning has torch count GPUs by NVML instead, which also counts those that CUDA cannot use, and takes 0.1 ms in
    # every step of Adam. It is for processes that are forked afterwards; none are here.
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"
    if accelerator in ("auto", "gpu") and torch.cuda.is_available() and has_code_for(0):
        return torch.device("cuda", 0)
    if accelerator in ("auto", "gpu", "mps") and torch.backends.mps.is_available():
        return torch.device("mps")
    if accelerator in ("auto", "cpu"):
        return torch.device("cpu")
    if accelerator == "gpu" and (why := useless_gpu()):
        raise ValueError(f"trainer.accelerator=gpu, but {why}\ntype trainer.accelerator=cpu")
    raise ValueError(f"trainer.accelerator={accelerator}, but this machine has none\ntype trainer.accelerator=auto")


def useless_gpu() -> str | None:
    """Return why this torch cannot use the GPU of this machine, and what helps; None if it can, or there is none."""
    if not torch.cuda.device_count():  # which asks the driver; what CUDA can use is another question
        return None
    if not torch.cuda.is_available():
        cause = f"CUDA {torch.version.cuda} cannot use it, as with an old driver"
        return f"{cause}: renew that, or install torch for another CUDA"
    if has_code_for(0):
        return None
    capability = ".".join(map(str, torch.cuda.get_device_capability(0)))
    return f"this torch has no code for a GPU of compute capability {capability}: install torch for another CUDA"


def has_code_for(gpu: int) -> bool:
    """Say whether torch was compiled for a GPU: not for a V100 with CUDA 13, nor for one that is newer than torch.

    Machine code (`sm_86`) runs on GPUs of the same major version and no lower minor one, PTX (`compute_90`) on all that
    are no older (CUDA C++ Programming Guide, sections 3.1.2 and 3.1.3).
    """
    major, minor = torch.cuda.get_device_capability(gpu)
    known = [re.match(r"(sm|compute)_(\d+)(\d)", each) for each in torch.cuda.get_arch_list()]
    compiled = [(found[1], int(found[2]), int(found[3])) for found in known if found]
    return not compiled or any(
        (kind == "compute" or of_major == major) and (of_major, of_minor) <= (major, minor)
        for kind, of_major, of_minor in compiled
    )


def resolve_precision(precision: str, device: torch.device) -> str:
    """Return the Lightning precision for `trainer.precision` on `device`.

    `auto` is bf16-mixed where the hardware computes in bfloat16 (Ampere and later, AVX512-BF16, AMX), 16-mixed on older
    GPUs, and 32-true elsewhere.

    Raises:
        ValueError: 16-mixed is asked for on a CPU, where Lightning would silently run bf16-mixed instead, or bf16-mixed
            on a GPU that does not compute in bfloat16, for which torch has not all kernels.
    """
    if precision == "16-mixed" and device.type == "cpu":
        raise ValueError(
            "trainer.precision=16-mixed needs a GPU: CPUs do not compute in float16\n"
            "type trainer.precision=auto, 32-true or bf16-mixed; a run begun with it goes on where there is a GPU"
        )
    if device.type == "cuda" and precision in ("auto", "bf16-mixed"):
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16-mixed"
        if precision == "auto":
            return "16-mixed"
        raise ValueError(
            "trainer.precision=bf16-mixed needs a GPU that computes in bfloat16, Ampere or later\n"
            "type trainer.precision=auto, 16-mixed or 32-true"
        )
    if precision != "auto":
        return precision
    # torch.cpu.get_capabilities() tells the same in public, but is younger than the oldest torch supported here.
    if device.type == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        return "bf16-mixed"
    return "32-true"


def check_compiler(device: torch.device) -> None:
    """Check that `torch.compile` finds what it builds with: a compiler of C++ for a CPU, of C for a GPU, and Python.h.

    Raises:
        ValueError: one of them is missing.
    """
    names = {"cpu": [os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")]}
    names["cuda"] = [os.environ["CC"]] if "CC" in os.environ else ["gcc", "clang"]
    compilers = names.get(device.type, [])
    if compilers and not any(map(shutil.which, compilers)):
        raise ValueError(f"compile=true needs {' or '.join(compilers)}, a compiler\ninstall it, or type compile=false")
    if compilers and not Path(sysconfig.get_config_var("INCLUDEPY"), "Python.h").exists():
        raise ValueError("compile=true needs Python.h\ninstall python3-dev, or type compile=false")


def describe_device(device: torch.device) -> str:
    """Return the kind and make of `device`, such as `cpu (AMD EPYC)`."""
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)})"
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{device.type} ({names[0] if names else platform.machine()})"


def keep_freed_memory() -> None:
    """Have the C library keep what is freed for the next step, where it is glibc.

    By itself it maps every large block anew and gives it back at once, so that the system clears each page of each
    activation and gradient in each step: 15 to 30 % of the time of training on two cores (`docs/decisions.md`). It
    stays so for the whole process.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)


def speed_up(net: Net, device: torch.device) -> Net:
    """Return `net` as `device` trains it fastest: its layers, weights and figures stay.

    It is in channels last, 1.0 to 1.4 times as fast on a CPU. There, torch's batch norm goes through the channels of a
    pixel in vectors: over fewer channels than one holds, such as LeNet's six, it takes three times as long as in
    torch's own layout, and gets that. Averages of 2x2 pixels have a gradient of their own (`SpreadAvgPool2d`).
    """
    if device.type == "cpu":
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d) and module.num_features < VECTOR:
                module.register_forward_pre_hook(lambda _, images: (images[0].contiguous(),))
            if is_of_two(module):
                module.__class__ = SpreadAvgPool2d
    return net.to(memory_format=torch.channels_last)


def peak_bytes(device: torch.device) -> int:
    """Return the most memory held so far: by tensors on a CUDA device, by the whole process elsewhere."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB
