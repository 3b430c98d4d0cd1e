"""``describe``, ``describe --contains`` and ``shortlog`` are Git's, word for word."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

import pytest
from history.dags import Step, histories, write
from history.place import Place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mvc.errors import UsageError
from mvc.history.describe import Choice, describe
from mvc.history.name_rev import name_rev
from mvc.history.shortlog import shortlog
from mvc.history.signature import Signature
from mvc.ids import CommitId

ANY = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
#: Of which commit (from the newest), whether it has a message, and its date.
Tags = list[tuple[int, bool, int]]
tags = st.lists(st.tuples(st.integers(0, 13), st.booleans(), st.integers(0, 2)), max_size=5)


def put(place: Place, ids: Sequence[CommitId], tags: Tags) -> None:
    folder = place.root / ".mvc" / "refs" / "tags"
    for old in folder.iterdir():
        old.unlink()
    writer = place.context.writer()
    for number, (back, annotated, later) in enumerate(tags):
        id_: str = ids[-1 - back % len(ids)]
        if annotated:
            who = Signature("Ada", "ada@example.org", 1_700_000_000 + later, 0)
            id_ = writer.tag(CommitId(id_), f"v{number}", who, "words\n")
        (folder / f"v{number}").write_text(f"{id_}\n")
    writer.flush()


def gits(place: Place, *words: str) -> str | None:
    done = subprocess.run(
        ["git", f"--git-dir={place.repository.folder}", "-c", "core.abbrev=7", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.rstrip("\n") if done.returncode == 0 else None


def ours(place: Place, id_: CommitId, choice: Choice, **options: bool | int) -> str | None:
    try:
        return describe(place.context, id_, choice, **options).text  # type: ignore[arg-type]
    except UsageError:
        return None


@ANY
@given(histories, tags)
def test_a_commit_is_described_as_git_describes_it(
    place: Place, history: list[Step], tags: Tags
) -> None:
    ids = write(place, history)
    put(place, ids, tags)
    id_ = ids[-1]
    asked: list[tuple[list[str], Choice, dict[str, bool | int]]] = [
        ([], Choice(), {}),
        (["--tags", "--long"], Choice(tags=True), {"long": True}),
        (["--tags", "--abbrev=0"], Choice(tags=True), {"abbrev": 0}),
        (["--always", "--candidates=1"], Choice(candidates=1), {"always": True}),
        (["--exact-match", "--tags"], Choice(tags=True, candidates=0), {}),
        (["--tags", "--first-parent"], Choice(tags=True, first_parent=True), {}),
        (["--match=v[13]", "--exclude=v3"], Choice(match=["v[13]"], exclude=["v3"]), {}),
        (["--all", "--abbrev=12"], Choice(all=True), {"abbrev": 12}),
    ]
    for words, choice, options in asked:
        assert ours(place, id_, choice, **options) == gits(place, "describe", *words, id_), words


@ANY
@given(histories, tags, st.integers(0, 13))
def test_the_tag_that_holds_a_commit_is_gits(
    place: Place, history: list[Step], tags: Tags, which: int
) -> None:
    ids = write(place, history)
    put(place, ids, tags)
    id_ = ids[which % len(ids)]
    for words, choice in (([], Choice()), (["--match=v[0-2]"], Choice(match=["v[0-2]"]))):
        try:
            found: str | None = name_rev(place.context, id_, choice).text
        except UsageError:
            found = None
        assert found == gits(place, "describe", "--contains", *words, id_), words


def test_an_id_is_as_long_as_it_must_be_to_be_the_only_one(place: Place) -> None:
    (id_,) = write(place, [Step((), (0, 0, 0, 0), (), False, 0, 0, "x")])
    assert ours(place, id_, Choice(), always=True, abbrev=5) == id_[:5]
    assert ours(place, id_, Choice(), always=True, abbrev=1) == id_[:4]
    assert ours(place, id_, Choice(), always=True, abbrev=99) == id_


@pytest.mark.parametrize(
    ("tagged", "said"),
    [([], "no tags can describe"), ([(0, False, 0)], "no annotated tags")],
)
def test_why_nothing_describes_a_commit_is_said(place: Place, tagged: Tags, said: str) -> None:
    ids = write(place, [Step((), (0, 0, 0, 0), (), False, 0, 0, "x")])
    put(place, ids, tagged)
    with pytest.raises(UsageError, match=said):
        describe(place.context, ids[0], Choice())
    with pytest.raises(UsageError, match="exactly"):
        describe(place.context, ids[0], Choice(candidates=0))


@ANY
@given(histories, st.booleans(), st.booleans())
def test_people_and_what_they_did_are_gits(
    place: Place, history: list[Step], committer: bool, email: bool
) -> None:
    ids = write(place, history)
    found = shortlog(place.repository.log([ids[-1]]), committer=committer, email=email)
    lines = [
        line
        for name, subjects in found.items()
        for line in [f"{name} ({len(subjects)}):", *(f"      {one}" for one in subjects), ""]
    ]
    words = [word for word, on in (("-c", committer), ("-e", email)) if on]
    expected = gits(place, "shortlog", *words, ids[-1])
    assert expected is not None
    assert "\n".join(lines).rstrip() == expected.rstrip()
