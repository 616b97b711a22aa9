"""What is measured, and how often."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cnnzoo.config import RunConfig, compose_config

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Case:
    """One net at one size.

    Attributes:
        net: as in `conf/model`.
        resize: height and width of its images, in pixels.
        batch_size: images a step, the same in every loop.
        width: of `model.width`, or None where the net has none or it is 1.
    """

    net: str
    resize: int
    batch_size: int = 128
    width: float | None = None

    @property
    def name(self) -> str:
        """What it is called in tables and on the command line, such as `vgg11/8@96`."""
        return f"{self.net}{f'/{1 / self.width:g}' if self.width else ''}@{self.resize}"

    def config(self, *overrides: str) -> RunConfig:
        """Return its configuration, with everything else as it is by default."""
        width = [f"model.width={self.width}"] if self.width else []
        chosen = [f"model={self.net}", f"data.resize={self.resize}", f"data.batch_size={self.batch_size}"]
        return compose_config([*chosen, *width, *overrides])


# With batches of the course, but for resnet18 and densenet, which have half of its 256, and vgg11, of whose 128 its
# loop trains on one in 8 seconds.
CASES = (
    Case("lenet", 28, 256),
    Case("alexnet", 224),
    Case("vgg11", 96, 64),
    Case("vgg11", 96, width=0.125),
    Case("vgg11", 224, width=0.125),
    Case("nin", 96),
    Case("googlenet", 96),
    Case("googlenet_bn", 96),
    Case("resnet18", 96),
    Case("densenet", 96),
)
QUICK = ("lenet@28", "vgg11/8@96")


@dataclass(frozen=True)
class Scope:
    """How much is measured.

    Attributes:
        cases: nets.
        rounds: of which medians are taken.
        seconds: that a loop is timed in a round, at least.
        folder: for files beside the tables.
    """

    cases: Sequence[Case]
    rounds: int
    seconds: float
    folder: Path
