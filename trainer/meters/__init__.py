"""What is measured of one pass over a split: everything at its end, on the device, weighted by samples."""

from __future__ import annotations

from trainer.meters.classification import ClassMeter
from trainer.meters.meter import LossMeter, Meter, Values, read
from trainer.meters.regression import NumberMeter
from trainer.settings import LoopSettings
from trainer.signature import Signature

__all__ = ["ClassMeter", "LossMeter", "Meter", "NumberMeter", "Values", "build_meter", "read"]


def build_meter(settings: LoopSettings, signature: Signature) -> Meter:
    """The metrics of the task; a recipe for another kind of task may use ``LossMeter``."""
    if signature.task == "classification":
        return ClassMeter(signature.outputs, settings.top_k)
    return NumberMeter(signature.target_scale)
