"""Worker processes on this machine.

driver (LocalEngine)
  └─ forkserver          one process, one thread, torch imported and nothing of the user's
       └─ supervisor     one for each worker: outlives nothing, leaves nothing behind
            └─ worker    the user's module, trial after trial
                 └─ ...  whatever the function starts

driver <-> worker        link: messages (pickled tuples), the only way results travel
driver <-> supervisor    control: the driver's orders to kill, the worker's exit status; its end
                             means "kill all"
"""
