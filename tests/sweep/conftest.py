from collections.abc import Iterator

import pytest

from cnnzoo.composer import Composer


@pytest.fixture(autouse=True, scope="session")
def _one_composer() -> Iterator[None]:
    """Have Hydra choose among the yaml files once for all grids that choose alike."""
    with pytest.MonkeyPatch.context() as patch:
        composer = Composer()
        patch.setattr("cnnzoo.sweep.grid.Composer", lambda: composer)
        yield
