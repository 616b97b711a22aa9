"""How torch and Lightning are imported where a command has to be quick."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing_torch() -> Iterator[None]:
    """Leave the many objects that come with torch and Lightning, and stay, out of Python's search for garbage.

    It would look through them several times while they are imported, and once more when the process ends.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
