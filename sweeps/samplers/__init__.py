"""Samplers: which configuration the next trial gets."""

from sweeps.components import Problem
from sweeps.samplers.base import Draw, Proposal, Sampler
from sweeps.samplers.registry import ONE_METRIC, build_sampler, check_sampler, problems

__all__ = [
    "ONE_METRIC",
    "Draw",
    "Problem",
    "Proposal",
    "Sampler",
    "build_sampler",
    "check_sampler",
    "problems",
]
