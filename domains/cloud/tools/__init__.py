"""The declared tools: one module per kind of thing, each with its own ToolSet `tools`."""
