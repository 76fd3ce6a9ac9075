"""The model brain: any OpenAI-compatible endpoint, native tool calling, strict schemas; the playbook where it fails.

Open first: brain.py.
"""
