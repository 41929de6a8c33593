"""The ray engine: Ray Tune starts the trials, on this machine or on a cluster, and our controller decides.

    driver                                       a node of the cluster
    engine.py   the way in                       seat.py       a Tune trainable: an actor, reused over trials,
    tune.py     Tune's loop                <->                 that hosts a local engine of one slot
    bridge.py   its questions, and the           workspace.py  the folder that a trial works in
                controller's answers             storage.py    checkpoints where no folder is shared

A word from a seat is the result of a Tune step; the answer is what the next step finds.
"""
