"""python -m domains.cloud: the cloud's tool server."""

from domains.cloud.main import main

main()
