"""Every layer of cnnzoo.scratch beside its counterpart in torch, in double precision."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cnnzoo.scratch import BatchNorm, Conv2d, corr2d, edge_detection, pointwise, pool2d


@pytest.fixture(autouse=True)
def _in_double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def same_outputs_and_gradients(ours, theirs, x):
    """Both functions of x, and of their own parameters if they have any, in outputs and in all gradients."""
    results = []
    for function in (ours, theirs):
        leaf = x.clone().requires_grad_()
        y = function(leaf)
        parameters = list(function.parameters()) if isinstance(function, nn.Module) else []
        torch.manual_seed(1)
        gradients = torch.autograd.grad((y * torch.randn_like(y)).sum(), [leaf, *parameters])
        results.append([y, *gradients])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_corr2d_by_hand():
    x = torch.arange(9.0).view(3, 3)
    kernel = torch.arange(4.0).view(2, 2)
    assert corr2d(x, kernel).tolist() == [[19, 25], [37, 43]]  # d2l, figure 7.2.1


def test_corr2d_is_conv2d_of_one_map():
    kernel = torch.randn(2, 3)
    same_outputs_and_gradients(
        lambda x: corr2d(x, kernel), lambda x: F.conv2d(x[None, None], kernel[None, None])[0, 0], torch.randn(5, 7)
    )


@pytest.mark.parametrize(
    ("in_channels", "out_channels", "kernel_size", "stride", "padding", "bias"),
    [
        (1, 1, 3, 1, 0, True),
        (3, 4, 3, 1, 1, True),
        (3, 2, 5, 2, 2, False),
        (2, 3, (1, 3), 3, 1, True),
        (3, 4, 1, 1, 0, True),
    ],
)
def test_convolution(in_channels, out_channels, kernel_size, stride, padding, bias):
    ours = Conv2d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias)
    theirs = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=bias)
    theirs.load_state_dict(ours.state_dict())
    same_outputs_and_gradients(ours, theirs, torch.randn(2, in_channels, 9, 8))


def test_convolution_starts_where_that_of_torch_does():
    ours, theirs = Conv2d(8, 64, 5), nn.Conv2d(8, 64, 5)
    for name, weight in theirs.named_parameters():
        drawn = ours.get_parameter(name)
        assert drawn.abs().max() <= 1 / 200**0.5
        assert drawn.std().item() == pytest.approx(weight.std().item(), rel=0.2)


def test_the_books_pooling_moves_by_one_pixel():
    """d2l, section 7.5."""
    x = torch.arange(9.0).view(3, 3)
    assert pool2d(x, (2, 2), stride=1).tolist() == [[4, 5], [7, 8]]
    assert pool2d(x, (2, 2), stride=1, mode="avg").tolist() == [[2, 3], [5, 6]]


@pytest.mark.parametrize("window", [(2, 2), (3, 3), (3, 2)])
@pytest.mark.parametrize(("stride", "padding"), [(None, 0), (2, 1), (1, 0)])
@pytest.mark.parametrize(("mode", "theirs"), [("max", F.max_pool2d), ("avg", F.avg_pool2d)])
def test_pooling(window, stride, padding, mode, theirs):
    x = torch.randn(2, 3, 7, 8).relu()  # with zeros, of which several can be the largest
    same_outputs_and_gradients(
        lambda x: pool2d(x, window, mode=mode, stride=stride, padding=padding),
        lambda x: theirs(x, window, stride=stride, padding=padding),
        x,
    )


@pytest.mark.parametrize(("dims", "shape", "layer"), [(1, (6, 5), nn.BatchNorm1d), (2, (4, 5, 3, 2), nn.BatchNorm2d)])
def test_batch_norm_over_two_training_steps(dims, shape, layer):
    ours, theirs = BatchNorm(5, dims=dims), layer(5)
    optimizers = [torch.optim.SGD(norm.parameters(), lr=0.1) for norm in (ours, theirs)]
    for _ in range(2):
        x = 3 * torch.randn(shape) + 2
        same_outputs_and_gradients(ours, theirs, x)
        target = torch.randn(shape)
        for norm, optimizer in zip((ours, theirs), optimizers, strict=True):
            F.mse_loss(norm(x), target).backward()
            optimizer.step()
            optimizer.zero_grad()
        for name in ("weight", "bias", "running_mean", "running_var"):
            torch.testing.assert_close(getattr(ours, name), getattr(theirs, name))
    assert not torch.equal(ours.running_mean, torch.zeros(5))
    same_outputs_and_gradients(ours.eval(), theirs.eval(), torch.randn(shape))


def test_batch_norm_keeps_its_statistics_in_32_bits_and_the_format_of_the_batch():
    norm = BatchNorm(3, dims=2)
    x = (100 + torch.randn(64, 3, 8, 8)).bfloat16()
    norm, expected = norm.float(), nn.BatchNorm2d(3).float()
    assert norm(x).dtype == torch.bfloat16
    expected(x.float())
    torch.testing.assert_close(norm.running_var, expected.running_var)
    assert BatchNorm(3, dims=2).bfloat16()(x).isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: corr2d(torch.ones(2, 2), torch.ones(3, 3)), "window of 3x3 does not fit into an image of 2x2"),
        (lambda: pool2d(torch.ones(4, 4), (2, 2), mode="min"), "mode must be max or avg"),
        (lambda: pool2d(torch.ones(4, 4), (2, 2), padding=2), "padding must be 0 to half of the window"),
        (lambda: pool2d(torch.ones(4, 4), (2, 2), stride=0), "stride must be at least 1"),
        (lambda: BatchNorm(3, dims=2).eval()(torch.ones(4, 1, 2, 2)), "and 3 channels"),
        (lambda: BatchNorm(3, dims=1)(torch.ones(1, 3)), "cannot learn from one value per channel"),
        (lambda: BatchNorm(3, dims=2)(torch.ones(4, 3)), "expected a batch of 4 dimensions"),
    ],
)
def test_what_cannot_be_computed_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("example", [edge_detection, pointwise])
def test_examples_run_and_their_claims_hold(example, capsys):
    torch.set_default_dtype(torch.float32)
    example.main()
    assert capsys.readouterr().out


def test_a_kernel_learned_from_other_edges_is_another():
    image = torch.randn(6, 8)
    kernel = torch.tensor([[0.5, 2.0]])
    learned = edge_detection.learn_kernel(image, corr2d(image, kernel), steps=300, lr=0.003)
    torch.testing.assert_close(learned, kernel, rtol=1e-3, atol=1e-3)
