"""Fuzzing: every place where bytes or text from outside become values takes anything, and refuses it in its own words.

`python -m fuzz` plays all; open `table` for the places, `sites` for how they are found in the code.
"""
