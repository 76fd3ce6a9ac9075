"""What the arguments and the result of a tool are made of."""

from pydantic import BaseModel, ConfigDict


class Closed(BaseModel):
    """A frozen object without unknown fields; the docstring below a field is the field's description."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Arguments(Closed):
    """The one object a tool is called with."""


class Result(Closed):
    """The one object a tool answers with."""
