"""The Go programs that check manifests: built once, in the cache that all clones share."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.servers.places import Places, locked
from deploy.servers.prerequisites import go
from deploy.servers.processes import Command


@dataclass(frozen=True)
class GoTool:
    """A program that `go install` builds from its module."""

    name: str
    module: str
    version: str

    def find(self, places: Places) -> Path:
        """Its path, built first if need be; raise Missing where there is neither program nor Go."""
        folder = places.cache / f"{self.name}-{self.version}"
        on_path = shutil.which(self.name)
        if on_path and not folder.exists():
            return Path(on_path)
        with locked(places.cache):
            if not folder.exists():
                install = [str(go()), "install", f"{self.module}@{self.version}"]
                draft = folder.with_suffix(".draft")
                Command(install, places.cache, {"GOBIN": str(draft)}).run()
                draft.rename(folder)
        return folder / self.name


KUSTOMIZE = GoTool("kustomize", "sigs.k8s.io/kustomize/kustomize/v5", "v5.7.1")
KUBECONFORM = GoTool("kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform", "v0.8.0")
