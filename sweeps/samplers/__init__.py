"""Samplers: which configuration the next trial gets."""

from sweeps.components import Problem
from sweeps.samplers.base import Draw, Proposal, Sampler
from sweeps.samplers.registry import build_sampler, check_sampler, problems

__all__ = ["Draw", "Problem", "Proposal", "Sampler", "build_sampler", "check_sampler", "problems"]
