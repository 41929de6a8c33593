"""How the learning rate changes from epoch to epoch."""

from __future__ import annotations

from torch import optim
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingLR, LRScheduler, ReduceLROnPlateau

from trainer.config import Settings


def build_scheduler(settings: Settings, optimizer: optim.Optimizer, epochs: int) -> LRScheduler:
    """The scheduler of ``optimizer``; a cosine falls from ``lr`` towards 0 over ``epochs``."""
    match settings.schedule:
        case "constant":
            return ConstantLR(optimizer, factor=1.0, total_iters=0)
        case "cosine":
            return CosineAnnealingLR(optimizer, T_max=epochs)
        case "plateau":
            return ReduceLROnPlateau(
                optimizer, patience=settings.plateau_patience, factor=settings.plateau_factor
            )


def end_epoch(scheduler: LRScheduler, val_loss: float) -> None:
    """Set the next epoch's rate; ``val_loss`` is what a plateau is seen by."""
    if isinstance(scheduler, ReduceLROnPlateau):
        scheduler.step(val_loss)
    else:
        scheduler.step()
