"""What people type: the examples at the end of each verb's help.

Each is parsed by the tests as its verb parses it, so none can name an option that there is not.
"""

from __future__ import annotations

#: verb → commands, each with what it is for
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "init": (("mvc init", "in the folder of the model"),),
    "add": (
        ("mvc add model.safetensors", "one file"),
        ("mvc add .", "all model files here, with config and tokenizer"),
    ),
    "mv": (("mvc mv model.safetensors base.safetensors", "no weights are copied"),),
    "restore": (
        ("mvc restore model.safetensors", "give up what changed since it was staged"),
        ("mvc restore --staged model.safetensors", "take it off the stage"),
        ("mvc restore -s HEAD~2 -t 'layers.0.*' model.safetensors", "only one layer, as it was"),
    ),
    "rm": (("mvc rm --cached notes.md", "no longer track it, but keep it"),),
    "stash": (
        ("mvc stash", "put everything aside"),
        ("mvc stash pop", "and bring it back"),
    ),
    "clean": (("mvc clean -n", "what would go"), ("mvc clean -f", "remove it")),
    "status": (("mvc status -s", "a line a file"),),
    "log": (
        ("mvc log --oneline --graph --all", "all branches, drawn"),
        ("mvc log --stat -3", "the last three, with what they changed"),
        ("mvc log main..experiment", "what experiment has and main has not"),
        ("mvc log -- model.safetensors", "commits that changed the file"),
        ("mvc log -t 'layers.0.*'", "commits that changed a tensor of the first layer"),
        ("mvc log --follow model.safetensors", "and what it was called before"),
        ("mvc log --author ada --since 2.weeks.ago", "what one person did of late"),
        ("mvc log --format='%h %an: %s'", "in a form of your own"),
        ("mvc log -S 5af01b2c", "when a tensor got this id, and when it lost it"),
    ),
    "show": (
        ("mvc show", "the last commit, tensor by tensor"),
        ("mvc show --stat v1.0", "a tag, a line a file"),
        ("mvc show HEAD~1:model.safetensors > old.safetensors", "a file as it was"),
    ),
    "diff": (
        ("mvc diff", "what changed since it was staged"),
        ("mvc diff --staged", "what a commit would change"),
        ("mvc diff main experiment -t '*.bias'", "biases of two branches"),
        ("mvc diff --stat HEAD~5", "five commits in a line a file"),
        ("mvc diff old.safetensors new.safetensors", "any two models, without a repository"),
        ("mvc diff --html -o diff.html main experiment", "as a page for the browser"),
    ),
    "bisect": (
        ("mvc bisect start HEAD v1.0", "HEAD is bad, v1.0 was good"),
        ("mvc bisect good", "the commit that is checked out now is"),
        ("mvc bisect run ./test.sh", "let a program say so"),
        ("mvc bisect run --metric loss --max-increase 3% -- ./eval.py", "by a number it prints"),
        (
            "mvc bisect run --metric perplexity --data held.txt --max-increase 3% --layers HEAD",
            "which layer of one step",
        ),
        ("mvc bisect reset", "back to where it was started"),
    ),
    "metric": (
        ("mvc metric add HEAD perplexity=12.3", "of the weights of a commit"),
        ("mvc metric show v1.0", "all that is known"),
        ("mvc metric list main~20..", "commits that have any"),
        ("mvc metric remove HEAD perplexity", "it was wrong"),
    ),
    "run": (
        ("mvc run -- ./eval.py --split test", "the numbers of the JSON that it prints, for HEAD"),
        ("mvc run --at v1.0 --metrics-file out.json -- ./eval.py", "of a release, from a file"),
    ),
    "plot": (
        ("mvc plot perplexity", "in the terminal"),
        ("mvc plot perplexity v1.0..main -o perplexity.svg", "as a drawing"),
    ),
    "cat": (
        ("mvc cat model.safetensors", "the numbers of all tensors"),
        ("mvc cat HEAD~1:model.safetensors 'layers.0.*' --values", "values as they were"),
        ("mvc cat model.safetensors lm_head.weight -o head.npy", "one tensor for NumPy"),
        ("mvc cat v1.0:model.safetensors 'layers.0.*' -o layer.safetensors", "a layer as a file"),
    ),
    "grep": (
        ("mvc grep 'attn.*bias$'", "in the work tree"),
        ("mvc grep -c lora v1.0", "how many there were in a release"),
        ("mvc grep -l -F layers.31. -- models", "files that have such a layer"),
    ),
    "blame": (
        ("mvc blame model.safetensors", "all tensors"),
        ("mvc blame model.safetensors v1.0 -- 'layers.0.*'", "some, as of a release"),
    ),
    "lineage": (
        ("mvc lineage lm_head.weight", "its versions, and how each was made"),
        ("mvc lineage 'layers.0.*' v1.0 --stats", "a layer's, and how far each step went"),
    ),
    "describe": (
        ("mvc describe --tags --always --dirty", "a version for a build"),
        ("mvc describe --contains 5af01b2", "the first release that holds it"),
    ),
    "shortlog": (
        ("mvc shortlog -s -n", "who made how many commits"),
        ("mvc shortlog v1.0..HEAD", "notes for a release"),
    ),
    "verify": (
        ("mvc verify /srv/model.safetensors --at v1.0", "is it the release that is served?"),
        ("mvc verify copy.pt models/base.pt", "against a file of another name"),
        ("mvc verify model.safetensors --at v1.0 --signed", "and has somebody signed that?"),
    ),
    "verify-commit": (("mvc verify-commit HEAD", "is it signed, by whom, for these weights?"),),
    "verify-tag": (("mvc verify-tag v1.0", "the signature of a release"),),
    "archive": (
        ("mvc archive v1.0 -o model-1.0.tar.gz --prefix model-1.0/", "a release"),
        ("mvc archive HEAD config.json model.safetensors | ssh host tar x", "two files, elsewhere"),
    ),
    "export": (("mvc export v1.0 /srv/model", "plain files, to be served"),),
    "ls": (
        ("mvc ls -l", "files with format, size and number of tensors"),
        ("mvc ls HEAD~1 -t 'layers.0.*'", "tensors of a commit"),
    ),
    "du": (
        ("mvc du", "a line a branch, and what was saved"),
        ("mvc du --by commit -n 5", "the five commits that added most"),
        ("mvc du --by tensor -t '*embed*' main", "tensors of one branch"),
    ),
    "commit": (
        ("mvc commit -m 'Prune a tenth'", "what is staged"),
        ("mvc commit -a -m 'Epoch 3'", "all changed files that are tracked"),
        ("mvc commit --amend --no-edit", "add what is staged to the last commit"),
    ),
    "branch": (
        ("mvc branch -v", "all, with their last commits"),
        ("mvc branch --no-merged", "those that HEAD lacks something of"),
        ("mvc branch experiment v1.0", "a new one at a tag"),
        ("mvc branch -d experiment", "delete one that is merged"),
    ),
    "switch": (
        ("mvc switch main", "to a branch"),
        ("mvc switch -c experiment", "to a new one"),
        ("mvc switch -", "to the one before"),
    ),
    "checkout": (
        ("mvc checkout HEAD~2 -- model.safetensors", "a file as it was"),
        ("mvc checkout --theirs model.safetensors", "settle a conflict"),
    ),
    "tag": (
        ("mvc tag -a v1.0 -m 'First release'", "with a message"),
        ("mvc tag -s v1.0 -m 'First release'", "signed, with user.signingKey"),
        ("mvc tag -l 'v1.*'", "those that match"),
    ),
    "merge": (
        ("mvc merge experiment", "each side's tensors"),
        ("mvc merge experiment -X average", "the mean of what both changed"),
        ("mvc merge math code -X ties --density 0.5", "every tensor of three models"),
        ("mvc merge --keep-conflicts experiment", "what both changed is committed with both sides"),
        ("mvc merge --continue", "when conflicts are settled"),
        ("mvc merge --abort", "as if nothing had been"),
    ),
    "conflicts": (
        ("mvc conflicts", "all that is undecided now"),
        ("mvc conflicts v2.0 -- 'layers.0.*'", "of a commit, these tensors"),
    ),
    "resolve": (
        ("mvc resolve -X average", "all by the mean of both sides"),
        ("mvc resolve 'layers.*.mlp.*' -X ties --density 0.5", "these by TIES"),
        ("mvc resolve model.safetensors -X theirs -n", "a file, without a commit"),
    ),
    "rerun": (("mvc rerun --verify HEAD", "prove that the merge is what its record says"),),
    "revert": (
        ("mvc revert HEAD~2", "take back one commit, keep those after it"),
        ("mvc revert HEAD~3..HEAD", "the last three, one after the other"),
        ("mvc revert HEAD~3 -- 'layers.0.*'", "only these tensors"),
        ("mvc revert --additive HEAD~3", "subtract it where later commits changed the same"),
        ("mvc revert --skip", "leave out the one that stopped, go on"),
    ),
    "cherry-pick": (
        ("mvc cherry-pick -x experiment", "one commit, and say which"),
        ("mvc cherry-pick main..experiment", "all that main lacks, the oldest first"),
        ("mvc cherry-pick experiment -- '*.attn.*'", "only these tensors"),
        ("mvc cherry-pick --abort", "as if nothing had been"),
    ),
    "rebase": (
        ("mvc rebase main", "this branch on top of main"),
        ("mvc rebase --onto main base topic", "of topic what base lacks"),
        ("mvc rebase --continue", "when conflicts are settled"),
        ("mvc rebase --abort", "as if nothing had been"),
    ),
    "reset": (
        ("mvc reset --soft HEAD~1", "undo a commit, keep its changes staged"),
        ("mvc reset --hard main", "be exactly there; mvc undo takes it back"),
    ),
    "reflog": (("mvc reflog -n 5", "the last five places of HEAD"),),
    "op": (
        ("mvc op log", "every command that changed something"),
        ("mvc op restore @{3}", "as it was three operations ago"),
    ),
    "undo": (("mvc undo", "the last operation, whatever it was"),),
    "fsck": (("mvc fsck --full", "decode and hash every stored byte"),),
    "repair": (("mvc repair -n", "what it would do"),),
    "gc": (
        ("mvc gc -n", "what would go"),
        ("mvc gc --aggressive", "spend time on saving space"),
    ),
    "expire": (
        ("mvc expire --keep-last 5 -n", "what would go"),
        ("mvc expire --keep-tagged --metric eval-loss --lowest 3", "keep releases, and the best"),
        ("mvc expire main~20..main~10", "ten commits"),
    ),
    "repack": (
        ("mvc repack -n", "what it would save"),
        ("mvc repack -d", "save it; the old packs go after the grace period"),
    ),
    "config": (
        ("mvc config user.name Ada", "set it"),
        ("mvc config --unset user.name", "forget it"),
        ("mvc config --list", "all that is set"),
    ),
    "completion": (('eval "$(mvc completion bash)"', "in ~/.bashrc"),),
    "help": (("mvc help merge", "the same as mvc merge --help"),),
}


def epilog(verb: str) -> str | None:
    """The examples as click prints them, unwrapped."""
    examples = EXAMPLES.get(verb, ())
    if not examples:
        return None
    width = max(len(typed) for typed, _ in examples)
    if width > 50:  # each purpose above its command
        lines = [f"  # {purpose}\n  {typed}" for typed, purpose in examples]
    else:
        lines = [f"  {typed:<{width}}  # {purpose}" for typed, purpose in examples]
    return "\b\nExamples:\n" + "\n".join(lines)
