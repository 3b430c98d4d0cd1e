"""One version of each tool, wherever it is named; nothing from the network unpinned."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, str]:
    lines = (root / "constraints.txt").read_text("utf-8").splitlines()
    pairs = (line.split("==") for line in lines if line and not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pairs}


def test_every_dependency_is_pinned_within_its_bounds(root: Path, pins: dict[str, str]) -> None:
    config = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    texts = [*config["project"]["dependencies"], *config["build-system"]["requires"]]
    for extra in config["project"]["optional-dependencies"].values():
        texts += extra
    for requirement in map(Requirement, texts):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_the_core_asks_for_no_framework(root: Path) -> None:
    config = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    names = {Requirement(text).name for text in config["project"]["dependencies"]}
    assert not names & {"torch", "transformers", "tensorflow", "jax"}


def test_pre_commit_runs_the_pinned_tools(root: Path, pins: dict[str, str]) -> None:
    config = yaml.safe_load((root / ".pre-commit-config.yaml").read_text("utf-8"))
    revisions = {repo["repo"].rpartition("/")[2]: repo.get("rev") for repo in config["repos"]}
    assert revisions["ruff-pre-commit"] == f"v{pins['ruff']}"
    assert revisions["codespell"] == f"v{pins['codespell']}"


def test_workflows_name_actions_by_commit_and_may_only_read(root: Path) -> None:
    workflows = sorted((root / ".github" / "workflows").glob("*.yml"))
    assert workflows
    for path in workflows:
        text = path.read_text("utf-8")
        assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
        for action in re.findall(r"uses:\s*(\S+)", text):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
