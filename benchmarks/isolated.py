"""A function in a process of its own, so that no measurement leaves threads, memory or settings to the next."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def isolated(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `function` returns in a fresh process, which has torch and lightning already."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.loops"])
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args, **kwargs).result()
