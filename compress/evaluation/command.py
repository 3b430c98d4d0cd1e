"""The evaluator that is a command of the user's: it gets the model in a folder and prints a number, or JSON."""

from __future__ import annotations

import math
import shlex
import subprocess
import tempfile

from compress.evaluation.evaluator import Subject
from compress.evaluation.measurement import Measurement
from compress.events import Report
from compress.model.export import write
from mvc.errors import MvcError, UsageError
from mvc.history.reported import value

#: What stands in the command for the folder of the model.
MODEL = "{model}"


class Command:
    """``command`` has ``{model}`` where the folder shall stand; ``metric`` names what it prints.

    ``higher``: more of it is better.
    """

    def __init__(self, command: str, metric: str = "", *, higher: bool = False) -> None:
        if MODEL not in command:
            raise UsageError(
                f"the evaluator '{command}' does not say where the model's folder goes",
                hint=f"--evaluator 'python eval.py {MODEL}'",
            )
        self.command, self.metric, self.higher = command, metric or "score", higher

    def measure(self, subject: Subject, report: Report) -> Measurement:
        """What the command prints of the model, written to a temporary folder.

        Raises:
            MvcError: it failed, or printed no number.
        """
        with tempfile.TemporaryDirectory(prefix="mvc-compress-") as folder:
            write(subject, folder)
            words = [word.replace(MODEL, folder) for word in shlex.split(self.command)]
            report("running", command=self.command)
            try:
                done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=False)
            except OSError as error:
                raise MvcError(f"the evaluator can't be run: {error}") from error
        if done.returncode:
            raise MvcError(f"the evaluator failed with exit code {done.returncode}: {self.command}")
        found = value(done.stdout, self.metric)
        if found is None or math.isnan(found):
            raise MvcError(
                f"the evaluator printed no {self.metric}",
                hint=f'it shall print a number, or JSON such as {{"{self.metric}": 12.3}}',
            )
        return Measurement(
            {self.metric: found}, higher=frozenset({self.metric} if self.higher else ())
        )

    def written(self) -> dict[str, object]:
        """The command; which way is better only where it was said."""
        said = {"evaluator": "command", "command": self.command, "metric": self.metric}
        return {**said, "higher": True} if self.higher else {**said}
