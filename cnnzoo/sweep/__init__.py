"""Grids of runs that finish, go on where they were cut off, and end in one table."""
