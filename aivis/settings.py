"""Settings: environment variables, checked at start.

Shared ones begin with `AIVIS_`, a service's own with `AIVIS_SERVICE_`. A variable with our prefix that nobody knows is
an error that names the nearest known one. `VARIABLE_FILE` names a file that holds the value: how secrets are mounted.
"""

import os
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from aivis.errors import Invalid

PARTS = ("gateway", "planner", "reasoner", "executor", "retriever", "escalation", "cloud", "test", "demo")
"""What has settings of its own, each under `AIVIS_PART_`, and checks them itself."""


class Settings(BaseModel):
    """What every service needs to know."""

    model_config = ConfigDict(frozen=True)
    PART: ClassVar[str]

    kafka: str = "127.0.0.1:9092"
    """Bootstrap servers, comma separated."""
    kafka_idempotent: bool = False
    """Not heeded any more, and to go: an idempotent producer never sends again after an outage of some seconds, and
    what it would keep from coming twice is known by its id."""
    kafka_fetch_wait_ms: int = Field(default=100, ge=1, le=5_000)
    kafka_session_ms: int = Field(default=6_000, ge=1_000, le=60_000)
    """After which a consumer that says nothing is taken for dead; brokers allow 6,000 and more."""
    kafka_partitions: int = Field(default=0, ge=0, le=1_000)
    """Partitions of topics created here; 0 takes the topic table's."""
    kafka_replication: int = Field(default=1, ge=1, le=10)
    """Replicas of topics created here; three where brokers may fail."""
    database: str = "sqlite:.aivis/state"
    """`sqlite:FOLDER`, or a `postgresql://` address; every service has its own file or schema there."""
    artifacts: Path = Path(".aivis/artifacts")
    domain: Path = Path("domains/cloud")
    """The folder of the domain: modules, routing, examples, knowledge, policy."""
    host: str = "127.0.0.1"
    operator_token: str = Field(default="", repr=False)
    """What operators send to see and mend dead letters; empty: only callers on this machine are answered."""
    log_format: str = Field(default="json", pattern="^(json|text)$")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings of the environment; `Invalid` names the variable at fault and what it should be."""
        present = os.environ if environment is None else environment
        cls._refuse_unknown(present)
        values = {
            name: _read(cls.variable(name), present, json=field.annotation not in (str, SecretStr))
            for name, field in cls.model_fields.items()
        }
        try:
            return cls.model_validate({name: value for name, value in values.items() if value is not None})
        except ValidationError as error:
            raise Invalid(cls._fault(error)) from error

    @classmethod
    def _fault(cls, error: ValidationError) -> str:
        """The first fault: variable, place inside it, value, message. A secret's value is not shown."""
        first = error.errors(include_url=False)[0]
        name, *inside = first["loc"]
        place = "".join(f"[{part!r}]" for part in inside)
        shown = f"={str(first['input'])[:200]!r}" if cls.model_fields[str(name)].repr else ""
        return f"{cls.variable(str(name))}{place}{shown}: {first['msg']}"

    @classmethod
    def variable(cls, name: str) -> str:
        """The environment variable of the field `name`."""
        return f"AIVIS_{name}".upper() if name in Settings.model_fields else f"AIVIS_{cls.PART}_{name}".upper()

    @classmethod
    def _refuse_unknown(cls, present: Mapping[str, str]) -> None:
        known = [cls.variable(name) for name in cls.model_fields]
        others = tuple(f"AIVIS_{part}_".upper() for part in PARTS if part != cls.PART)
        for variable in present:
            name = variable.removesuffix("_FILE")
            if name.startswith("AIVIS_") and not name.startswith(others) and name not in known:
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known))}"
                raise Invalid(f"environment variable {variable} is no setting of {cls.PART}: {hint}")


class ServiceSettings(Settings):
    """What every service has for itself."""

    port: int = Field(default=8080, ge=0, le=65_535)
    """HTTP: health, readiness, metrics, and the service's API."""
    in_flight: int = Field(default=700, ge=1, le=100_000)
    """Keys worked on at once."""


def _read(variable: str, present: Mapping[str, str], *, json: bool) -> Any:
    """The variable's value; lists and objects are written as JSON."""
    text = present.get(variable)
    path = present.get(variable + "_FILE")
    if text is None and path is not None:
        try:
            text = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Invalid(f"{variable}_FILE={path!r}: cannot be read: {error.strerror}") from error
    if text is None or not json or not text.startswith(("[", "{")):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"{variable}: not JSON: {error}") from error
