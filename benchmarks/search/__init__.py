"""How much better a search gets with time: see README.md.

problems.py    what is searched: space.py, lcbench.py, synthetic.py
regret.py      how far a search is from the best known, against random training; best_known.py finds that
clock.py       the virtual clock that the peers run on; methods.py names them all, drive_*.py run them
cells.py       one (method, problem, workers, seed) at a time, kept in a file; run.py, report.py, plot.py
"""
