"""What the repository held before: the commit that the previous version was, and its files."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = ("aivis", "services", "domains", "proto", "requirements.lock")
"""Where a change makes another version."""


def git(*words: str) -> bytes:
    """What git answers; `CalledProcessError` when it refuses."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


def versions() -> list[str]:
    """The commits whose code and contracts must go on working beside ours: the last with other code, every release.

    Skips the test where there is no history to find it in: no git, a shallow clone, a first commit.
    """
    return list(dict.fromkeys([previous(), *_releases()]))


@cache
def previous() -> str:
    """The last commit whose code is another than the one in the working tree; AIVIS_TEST_BEFORE may name another."""
    if named := os.environ.get("AIVIS_TEST_BEFORE"):
        return git("rev-parse", "--verify", f"{named}^{{commit}}").decode().strip()
    try:
        for commit in git("rev-list", "--first-parent", "--max-count=200", "HEAD").decode().split():
            if subprocess.run(["git", "diff", "--quiet", commit, "--", *CODE], cwd=ROOT, check=False).returncode == 1:
                return commit
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no git history to take the previous version from: {error}")
    pytest.skip("git's history has no commit with other code: fetch more of it (git fetch --unshallow)")


def _releases() -> list[str]:
    return git("tag", "--list", "v[0-9]*", "--merged", "HEAD").decode().split()


def files(commit: str, folder: str, ending: str) -> dict[str, bytes]:
    """The files under `folder` in `commit` whose names end so, by path."""
    listed = git("ls-tree", "-r", "--name-only", commit, "--", folder).decode().splitlines()
    return {path: git("show", f"{commit}:{path}") for path in listed if path.endswith(ending)}


@contextmanager
def worktree(commit: str, folder: Path) -> Iterator[Path]:
    """All of `commit`, checked out in `folder` while the context lasts."""
    git("worktree", "add", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))


def importing(code: Path) -> Mapping[str, str]:
    """The variables with which our Python imports the code in `code`, wherever it is started."""
    return {"PYTHONPATH": str(code), "PYTHONSAFEPATH": "1"}
