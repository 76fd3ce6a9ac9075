"""Everything that puts Aivis somewhere: real servers for tests (`servers`), Kubernetes (`k8s`)."""
