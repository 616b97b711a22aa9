"""The one LightningModule: it trains any net that turns images into logits."""

from collections.abc import Callable
from typing import Any, Literal

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

Stage = Literal["train", "val", "test"]


class Mean(Metric):
    """The mean of all values since the last reset.

    They are kept until it is asked for, so that a step computes nothing for it: a step of a small net on a GPU takes as
    long as handing over its kernels. It is then the same to the bit wherever an epoch was interrupted. Whenever values
    are looked at they become one tensor, which is quicker to save, and to look at again.
    """

    values: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def update(self, values: Tensor) -> None:
        """Add values of any shape."""
        self.values.append(values)

    def compute(self) -> Tensor:
        """Return the mean, NaN if there are none."""
        return self._all().mean()

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        """Return the values."""
        self._merge()
        return super().state_dict(*args, **kwargs)

    def _all(self) -> Tensor:
        self._merge()
        return self.values[0].float() if self.values else torch.empty(0, device=self.device)

    def _merge(self) -> None:
        if self.values:
            self.values[:] = [dim_zero_cat(self.values)]


class MeanNorm(Mean):
    """The mean of norms; one that overflowed counts as 0."""

    def _all(self) -> Tensor:
        return super()._all().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)


class ImageClassifier(lightning.LightningModule):
    """Cross-entropy training of `net`, with loss and accuracy per epoch under `<stage>/loss` and `<stage>/acc`.

    Those of `val` and `test` are logged when their epoch ends. Those of `train` are what `epoch_metrics("train")`
    returns, which then begins anew; `History` calls it after every epoch.

    Accuracy is a fraction. That of `train` is of the weights as they were at each step, in training mode, as the course
    computes it. Label smoothing applies to the training loss alone, so that evaluation losses stay comparable.

    Args:
        net: (N, C, S, S) images to (N, num_classes) logits.
        make_optimizer: parameters to optimizer.
        make_scheduler: (optimizer, total_steps=) to a scheduler that is stepped once per optimizer step.
        label_smoothing: share of the target spread evenly over all classes (Szegedy et al. 2016, section 7).
        validated_as: what the figures of validation batches are called: `test` where the course's protocol is
            followed and the test set is evaluated every epoch.
    """

    def __init__(
        self,
        net: nn.Module,
        *,
        make_optimizer: Callable[..., Optimizer],
        make_scheduler: Callable[..., LRScheduler],
        label_smoothing: float = 0.0,
        validated_as: Stage = "val",
    ) -> None:
        super().__init__()
        self.net = net
        self.make_optimizer = make_optimizer
        self.make_scheduler = make_scheduler
        self.label_smoothing = label_smoothing
        self.validated_as = validated_as
        self.metrics = nn.ModuleDict(
            {f"{stage}/{name}": Mean() for stage in ("train", "val", "test") for name in ("loss", "acc")}
        )
        self.metrics["train/grad_norm"] = MeanNorm()
        for name in ("loss", "acc", "grad_norm"):
            self._metric("train", name).persistent(True)  # in checkpoints, because they may be made within an epoch

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Return the loss of one batch."""
        images, labels = batch
        if not getattr(self.net, "aux", None):
            return self._step(self.net(images), labels, "train", self.label_smoothing)
        logits, auxiliary = self.net.training_logits(images)  # type: ignore[operator]
        loss = self._step(logits, labels, "train", self.label_smoothing)
        weight, smoothing = float(self.net.aux_weight), self.label_smoothing  # type: ignore[arg-type]
        losses = [F.cross_entropy(each.float(), labels, label_smoothing=smoothing) for each in auxiliary]
        return loss + weight * sum(losses)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Add one batch to the epoch's figures."""
        images, labels = batch
        self._step(self.net(images), labels, self.validated_as)

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Add one batch to the final figures, and return its logits."""
        images, labels = batch
        logits: Tensor = self.net(images)
        self._step(logits, labels, "test")
        return logits

    def _step(self, logits: Tensor, labels: Tensor, stage: Stage, label_smoothing: float = 0.0) -> Tensor:
        logits = logits.float()
        loss = F.cross_entropy(logits, labels, label_smoothing=label_smoothing)
        self._metric(stage, "loss").update(loss.detach().expand(len(labels)))  # once per image
        self._metric(stage, "acc").update(logits.detach().argmax(1) == labels)
        return loss

    def note_gradient_norm(self, norm: Tensor) -> None:
        """Add the norm of one step's gradients, before clipping; one that overflowed counts as 0."""
        self._metric("train", "grad_norm").update(norm.detach())

    def on_validation_epoch_end(self) -> None:
        """Log the figures of the validation epoch."""
        self.log_dict(self.epoch_metrics(self.validated_as))

    def on_test_epoch_end(self) -> None:
        """Log the final figures."""
        self.log_dict(self.epoch_metrics("test"))

    def epoch_metrics(self, stage: Stage) -> dict[str, Tensor]:
        """Return `<stage>/loss` and `<stage>/acc` of all batches since the last call; of training also `grad_norm`."""
        figures = {}
        for name in ("loss", "acc", "grad_norm") if stage == "train" else ("loss", "acc"):
            metric = self._metric(stage, name)
            figures[f"{stage}/{name}"] = metric.compute()
            metric.reset()
        return figures

    def _metric(self, stage: Stage, name: str) -> Metric:
        metric = self.metrics[f"{stage}/{name}"]
        assert isinstance(metric, Metric)
        return metric

    def configure_optimizers(self) -> Any:
        """Return the optimizer with its scheduler, which is stepped once per optimizer step."""
        optimizer = self.make_optimizer(self.net.parameters())
        if isinstance(optimizer, SGD):
            _begin_momentum(optimizer)
        # A fused one would undo the scale of 16-mixed within its step, after gradients are looked at and clipped;
        # Lightning 2.6 refuses to clip with it at any precision.
        optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]
        scheduler = self.make_scheduler(optimizer, total_steps=int(self.trainer.estimated_stepping_batches))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def _begin_momentum(optimizer: SGD) -> None:
    """Have momentum begin at zero, from which the first step is what it is otherwise.

    torch 2.14's fused SGD fails where some weights have their first gradient later than others, as in a net that skips
    layers at random.
    """
    for group in optimizer.param_groups:
        if group["fused"] and group["momentum"] and not group["dampening"]:
            for weight in group["params"]:
                optimizer.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
