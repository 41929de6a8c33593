"""Pruners: which trials end early, decided at each report."""

from sweeps.components import Problem
from sweeps.pruners.asha import Asha
from sweeps.pruners.base import NoPruner, Pruner
from sweeps.pruners.pbt import Pbt
from sweeps.pruners.registry import build_pruner, make_pruner, problems

__all__ = ["Asha", "NoPruner", "Pbt", "Problem", "Pruner", "build_pruner", "make_pruner", "problems"]
