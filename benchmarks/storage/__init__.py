"""What versions of a model take, in mvc and in everything else that installs: ``python -m benchmarks.storage``.

The family of ``benchmarks.families`` is committed to each tool in turn; generated models of a gigabyte show
time and memory. Results go to ``docs/benchmarks/``: a page, the figures as JSON, and plots.
"""
