"""A model of learning curves over the search space: what the `multifidelity` sampler and pruner share.

units.py      configurations as rows of numbers from 0 to 1, and back
curves.py     the curves observed so far
selection.py  which of their points the model looks at
scaling.py    how their losses become what it works with
trials.py     the trials that have these curves: which run, which failed, which are best
points.py     the points it looks at, in columns
kernel.py     how alike two points are, and the hyperparameters of that
posterior.py  how well hyperparameters explain what was seen
gp.py         the Gaussian process over (configuration, epoch)
model.py      all together: observe trials, predict what they, or others, come to
cost.py       what training a configuration takes
feasible.py   where configurations can be trained
threads.py    linear algebra in one thread
earlier.py    trials of earlier sweeps, as configurations of this one's space
taken.py      what was taken of them, kept in the sweep's folder
landscape.py  what an earlier sweep makes of configurations of this one
"""

from sweeps.surrogate.model import CurveModel
from sweeps.surrogate.units import Units

__all__ = ["CurveModel", "Units"]
