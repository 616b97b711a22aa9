"""Configurations, for which Hydra composes once what all tests of a process choose alike, as for cells of a grid."""

from cnnzoo.composer import compose as compose_config

__all__ = ["compose_config"]
