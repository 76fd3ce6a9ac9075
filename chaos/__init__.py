"""The fault matrix: every promise of Aivis, and the fault that would break it.

`python -m chaos` (or `aivis chaos`) plays it. Open `points` for where faults can land, `rack` for the tool that
judges what was done once, `judge` for what must hold at the end, `rows` for the faults.
"""
