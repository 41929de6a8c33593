"""The simulated engine: the controller under a virtual clock, with learning curves instead of training.

curves.py   what a learning curve is, and where it comes from
faults.py   what goes wrong in a simulated cluster, and when
history.py  a simulated trial's own file, and the epoch it goes on from
engine.py   the virtual clock and the workers
"""

from sweeps.engines.simulated.curves import Curve

__all__ = ["Curve"]
