"""``python -m mvc``."""

from mvc.cli.main import run

run()
