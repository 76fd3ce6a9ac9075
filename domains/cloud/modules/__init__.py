"""The cloud's atomic modules, in YAML: faults, healthy states and procedures, and the inputs they need.

docs/writing-a-module.md is the language on one page; `aivis doctor` checks this folder.
"""
