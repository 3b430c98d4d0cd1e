"""``python -m mvc.cli``."""

from mvc.cli.main import run

run()
