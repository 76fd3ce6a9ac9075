"""The live state of an account as the models of the tools: shared by reads and effects."""
