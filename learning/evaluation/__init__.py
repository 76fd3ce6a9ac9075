"""Evaluations on given files, one module each; `aivis eval NAME` runs them."""
