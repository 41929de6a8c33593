"""The ray engine: Ray Tune starts the trials, on this machine or on a cluster, and our controller decides.

    driver                                     a node of the cluster
    engine.py    Tuner(...).fit()      <->     seat.py   a Tune trainable (an actor), reused over trials,
    bridge.py    Searcher, TrialScheduler,               which hosts a local engine of one slot
                 Callback -> the controller

A word from a seat is the result of a Tune step; the answer is what the next step finds.
"""
