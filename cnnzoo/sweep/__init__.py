"""Grids of runs that finish, go on where they were cut off, and end in one table."""

from cnnzoo.sweep.driver import sweep

__all__ = ["sweep"]
