"""SDK for tool servers: a typed function becomes a declared tool, served as aivis.v1.Tools by gRPC.

Open first: declaration.py (what a tool declares), then docs/writing-a-tool-server.md.
"""

from aivis.toolkit.call import Call
from aivis.toolkit.declaration import Repeat, Risk, Tool
from aivis.toolkit.models import Arguments, Closed, Result
from aivis.toolkit.serving import Serving, run, served
from aivis.toolkit.toolset import ToolSet

__all__ = ["Arguments", "Call", "Closed", "Repeat", "Result", "Risk", "Serving", "Tool", "ToolSet", "run", "served"]
