import copy
import platform
import subprocess
import sys
import sysconfig

import pytest
import torch
from torch import nn

from cnnzoo.build import build_net
from cnnzoo.training.device import (
    check_compiler,
    choose_device,
    describe_device,
    peak_bytes,
    resolve_precision,
    speed_up,
    useless_gpu,
)
from tests.composed import compose_config

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("bf16", "amx", "expected"),
    [(True, False, "bf16-mixed"), (False, True, "bf16-mixed"), (False, False, "32-true")],
)
def test_auto_on_a_cpu_is_what_its_hardware_does(monkeypatch, bf16, amx, expected):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert resolve_precision("auto", CPU) == expected
    assert resolve_precision("32-true", CPU) == "32-true"


@pytest.mark.parametrize(("ampere", "expected"), [(True, "bf16-mixed"), (False, "16-mixed")])
def test_auto_on_a_gpu_is_what_its_generation_does(monkeypatch, ampere, expected):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: ampere)
    assert resolve_precision("auto", CUDA) == expected


def test_bfloat16_on_an_older_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: including_emulation)
    with pytest.raises(ValueError, match="bf16-mixed needs a GPU that computes in bfloat16, Ampere or later\ntype "):
        resolve_precision("bf16-mixed", CUDA)
    assert resolve_precision("32-true", CUDA) == "32-true"


def test_float16_on_a_cpu_is_refused_and_not_replaced():
    with pytest.raises(ValueError, match="needs a GPU"):
        resolve_precision("16-mixed", CPU)


def test_compiling_without_a_compiler_is_refused(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match="compile=true needs no-such-compiler"):
        check_compiler(CPU)
    monkeypatch.setenv("CXX", sys.executable)
    check_compiler(CPU)
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(ValueError, match="compile=true needs no-such-compiler"):
        check_compiler(CUDA)
    monkeypatch.delenv("CC")
    check_compiler(CUDA)
    monkeypatch.setattr(sysconfig, "get_config_var", lambda name: "/nowhere")
    with pytest.raises(ValueError, match="install python3-dev"):
        check_compiler(CPU)


def test_the_best_device_there_is(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_100", "sm_75", "sm_90a", "compute_120"])
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda gpu: (7, 5))
    assert [choose_device(name).type for name in ("auto", "gpu", "cpu")] == ["cuda", "cuda", "cpu"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == CPU
    with pytest.raises(ValueError, match="accelerator=gpu, but this machine has none"):
        choose_device("gpu")


def test_apples_gpu_is_the_best_where_there_is_no_other(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert [choose_device(name).type for name in ("auto", "gpu", "mps", "cpu")] == ["mps", "mps", "mps", "cpu"]


@pytest.mark.parametrize(
    ("compiled", "capability", "has_code"),
    [
        (["sm_75", "sm_100"], (7, 0), False),  # a V100 with CUDA 13
        (["sm_50", "sm_86", "sm_90"], (12, 0), False),  # newer than all
        (["sm_75", "compute_90"], (12, 0), True),  # compiled by the driver
        (["sm_75", "compute_90"], (8, 9), False),
        (["sm_80"], (8, 9), True),
        (["sm_89"], (8, 6), False),
        (["sm_90a"], (9, 0), True),
        (["sm_120"], (12, 1), True),
        (["gfx90a"], (9, 0), True),  # of AMD, whose names say something else
    ],
)
def test_a_gpu_that_torch_has_no_code_for_is_not_chosen(compiled, capability, has_code, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: compiled)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda gpu: capability)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert choose_device("auto").type == ("cuda" if has_code else "cpu")
    if has_code:
        assert useless_gpu() is None
        return
    said = rf"=gpu, but this torch has no code for a GPU of compute capability {capability[0]}\.{capability[1]}: "
    with pytest.raises(ValueError, match=said):
        choose_device("gpu")


def test_a_gpu_whose_driver_is_too_old_is_told_from_none(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert useless_gpu() is None
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(
        ValueError, match=r"=gpu, but CUDA .* cannot use it, as with an old driver.*\ntype trainer.accelerator=cpu"
    ):
        choose_device("gpu")


def test_gpus_are_counted_by_what_cuda_can_use(monkeypatch):
    monkeypatch.setenv("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # as Lightning leaves it
    choose_device("cpu")
    assert not torch.cuda._nvml_based_avail()


def test_device_and_memory_are_told():
    assert describe_device(CPU).startswith("cpu (")
    held = torch.ones(64 * 2**20)  # 256 MiB
    assert 256 * 2**20 <= peak_bytes(CPU) < 100 * 2**30
    del held


FAULTS = """
import resource, torch
from cnnzoo.training.device import keep_freed_memory
torch.set_num_threads(1)
for prepare in (bool, keep_freed_memory):
    prepare()
    for step in range(30):
        if step == 20:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(16, 2**20)  # 64 MiB
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_freed_memory_is_not_handed_back_and_cleared_anew_in_each_step():
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    as_it_is, kept = map(int, done.stdout.split())
    assert kept * 10 < as_it_is


def test_a_batch_norm_over_few_channels_has_torchs_own_layout_and_makes_the_same_of_it():
    plain = build_net(compose_config(["model=lenet_bn"])).to(memory_format=torch.channels_last)
    net = speed_up(copy.deepcopy(plain), CPU)
    seen = []
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.register_forward_hook(lambda norm, images, _: seen.append((norm, images[0].is_contiguous())))
    images = torch.randn(8, 1, 28, 28).contiguous(memory_format=torch.channels_last)
    logits = [each(images) for each in (plain, net)]
    assert [(norm.num_features, own_layout) for norm, own_layout in seen] == [(6, True), (16, False)]
    torch.testing.assert_close(logits[1], logits[0])
    for each in logits:
        each.square().sum().backward()
    gradients = [[weight.grad for weight in each.parameters()] for each in (plain, net)]
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-4, atol=1e-4)
    assert not speed_up(torch.nn.BatchNorm2d(6), CUDA)._forward_pre_hooks


def test_a_norm_over_as_many_channels_as_a_vector_holds_is_as_it_was():
    net, seen = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)), []
    speed_up(net, torch.device("cpu"))
    net[1].register_forward_pre_hook(lambda _, maps: seen.append(maps[0].is_contiguous()))
    net(torch.rand(2, 1, 9, 9).contiguous(memory_format=torch.channels_last))
    assert seen == [False]
