"""Pruners: which trials end early, decided at each report."""

from sweeps.components import Problem
from sweeps.pruners.asha import Asha
from sweeps.pruners.base import NoPruner, Pruner
from sweeps.pruners.registry import build_pruner, make_pruner, problems

__all__ = ["Asha", "NoPruner", "Problem", "Pruner", "build_pruner", "make_pruner", "problems"]
