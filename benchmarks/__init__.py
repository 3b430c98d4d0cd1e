"""The numbers that mvc promises, measured on this machine: ``python -m benchmarks``.

Each question is a module that runs by itself; ``measure.py`` is the one way in which all of them take time
and memory, ``report.py`` writes ``docs/benchmarks/index.md``. Only ratios of runs that take turns mean
anything: two runs a minute apart differ by more than most claims.
"""
