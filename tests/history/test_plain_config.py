"""Reading plain configurations here gives what libgit2 gives, and leaves it all that is not plain."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mvc.errors import UsageError
from mvc.history.config import _through_libgit2
from mvc.history.plain_config import plain_entries

PIECES = st.sampled_from(
    [
        *(
            "[user]\n",
            "[User]\n",
            '[remote "Origin"]\n',
            '[a "]"]\n',
            "[a.b]\n",
            "[include]\n",
            "[core] x = 1\n",
        ),
        *(
            "name = A Person\n",
            "\temail=a@b\r\n",
            "NAME = é\n",
            "x=\n",
            "x\n",
            "  # told\n",
            ";\n",
            "\n",
            "\ufeff",
        ),
        *(
            'a = "q"\n',
            "a = b # c\n",
            "a = b\\\n",
            "a = b\tc\n",
            "a = b  c\n",
            "a = =\n",
            "a-1 = [x]\n",
            "1a = b\n",
        ),
        *("a = b\x0b\n", "\x0c[user]\n", "a = b\x00\n", "[user", "a = b"),
    ]
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("configs") / "config"


@given(
    pieces=st.lists(PIECES, max_size=8)
    | st.text('[]a."\\#;= \t\r\n-é', max_size=30).map(lambda t: [t])
)
def test_what_is_read_here_is_what_libgit2_reads(file: Path, pieces: list[str]) -> None:
    data = "".join(pieces).encode()
    found = plain_entries(data)
    if found is None:
        return
    file.write_bytes(data)
    assert _through_libgit2(str(file)) == found


@pytest.mark.parametrize(
    "text",
    [
        "[user]\n\tname = A Person\n\temail = a@b.example\n",
        '# me\n[branch "x"]\n  merge = refs/heads/x\n',
        "",
    ],
)
def test_what_people_have_needs_no_libgit2(file: Path, text: str) -> None:
    file.write_text(text)
    assert plain_entries(text.encode()) == _through_libgit2(str(file))


@pytest.mark.parametrize("text", ["[user\n", "[user]\n= 1\n"])
def test_what_libgit2_refuses_is_left_to_it_to_refuse(file: Path, text: str) -> None:
    file.write_text(text)
    assert plain_entries(text.encode()) is None
    with pytest.raises(UsageError):
        _through_libgit2(str(file))
