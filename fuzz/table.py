"""All harnesses, in the order in which they are played."""

from fuzz import bus, files, http, tools
from fuzz.harness import Harness

HARNESSES: tuple[Harness, ...] = (*bus.HARNESSES, *http.HARNESSES, *tools.HARNESSES, *files.HARNESSES)
