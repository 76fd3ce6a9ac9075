"""What is installed is what was written: the wheel, and the image that is made from it."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("aivis", "services", "domains", "chaos")


def tracked(*folders: str) -> set[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.splitlines() if (ROOT / name).exists()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from the tracked files alone, as a clean clone has them."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in tracked(*PACKAGES, "pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-w", str(built), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    [made] = built.glob("*.whl")
    return set(zipfile.ZipFile(made).namelist())


@pytest.mark.timeout(180)
def test_every_file_of_the_packages_is_in_the_wheel(wheel: set[str]) -> None:
    assert tracked(*PACKAGES) - wheel == set()


@pytest.mark.timeout(180)
def test_the_wheel_holds_no_tests_and_no_deployment(wheel: set[str]) -> None:
    assert {name.split("/")[0] for name in wheel if ".dist-info/" not in name} == set(PACKAGES)


def test_the_image_runs_as_the_user_that_the_manifests_name() -> None:
    user = re.findall(r"^USER (\d+):(\d+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    pod = yaml.safe_load((ROOT / "deploy/k8s/base/every.yaml").read_text())["spec"]["template"]["spec"]
    assert [tuple(map(int, one)) for one in user] == [
        (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsGroup"])
    ]


def test_the_image_installs_only_what_the_lock_pins() -> None:
    installs = re.findall(r"pip install (.*)", (ROOT / "Dockerfile").read_text())
    assert installs == ["--require-hashes -r requirements.lock", "--no-deps --no-build-isolation ."]


def test_the_manifests_deploy_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for folder in ("base", "overlays/example"):
        kustomization = yaml.safe_load((ROOT / "deploy/k8s" / folder / "kustomization.yaml").read_text())
        assert [image["newTag"] for image in kustomization["images"]] == [version]


def test_a_lock_names_no_registry() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text(), lock.name
