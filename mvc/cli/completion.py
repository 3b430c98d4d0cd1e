"""``mvc completion``."""

from __future__ import annotations

import click

from mvc.cli.app import Session, program


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(session: Session, shell: str) -> None:
    """Print the script that lets SHELL complete verbs, options, branches, tags, paths and tensors.

    For bash: eval "$(mvc completion bash)" in ~/.bashrc. For zsh: the same with zsh in ~/.zshrc, after
    compinit. For fish: mvc completion fish > ~/.config/fish/completions/mvc.fish.
    """
    from click.shell_completion import ShellComplete, get_completion_class

    found = get_completion_class(shell)
    assert found is not None
    # Bash's own source() starts a bash to ask for its version; the script itself says if it is too old.
    text = ShellComplete.source(found(program, {}, "mvc", "_MVC_COMPLETE"))
    session.output.show([text.rstrip()])
