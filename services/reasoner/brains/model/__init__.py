"""The model brain: any OpenAI-compatible endpoint, native tool calling, strict schemas; the playbook where it fails.

Open first: brain.py (who decides), then in the order of a decision: context.py (what the model is told), endpoint.py
(how it is asked), reading.py (what its answer may become), grounds.py and origins.py (what holds a hostile one).
"""
