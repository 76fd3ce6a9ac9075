"""The embedded stack with nothing to do: the CPU it takes, and the memory it keeps after it has worked."""
