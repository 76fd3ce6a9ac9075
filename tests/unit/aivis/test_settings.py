"""Settings: what is read, and how a mistake is told."""

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, Field

from aivis.errors import Invalid
from aivis.settings import PARTS, ServiceSettings, Settings


class Grant(BaseModel):
    name: str
    tenants: tuple[str, ...] = Field(min_length=1)


class GatewaySettings(ServiceSettings):
    PART: ClassVar[str] = "gateway"

    keys: tuple[Grant, ...] = ()
    sources: dict[str, str] = {}
    secret: str = Field(default="", repr=False)
    pins: tuple[int, ...] = Field(default=(), repr=False)


def load(**environment: str) -> GatewaySettings:
    return GatewaySettings.load(environment)


def refusal(**environment: str) -> str:
    with pytest.raises(Invalid) as caught:
        load(**environment)
    return str(caught.value)


def test_with_nothing_set_everything_has_its_default() -> None:
    settings = load()
    assert (settings.kafka, settings.port, settings.keys) == ("127.0.0.1:9092", 8080, ())
    assert settings.host == "127.0.0.1", "on the loopback unless told otherwise"
    assert settings.operator_token == ""


def test_shared_settings_have_the_short_name_and_a_service_s_own_the_long_one() -> None:
    assert GatewaySettings.variable("kafka") == "AIVIS_KAFKA"
    assert GatewaySettings.variable("port") == "AIVIS_GATEWAY_PORT"
    settings = load(AIVIS_KAFKA="k1:9092,k2:9092", AIVIS_GATEWAY_PORT="81", AIVIS_KAFKA_PARTITIONS="3")
    assert (settings.kafka, settings.port, settings.kafka_partitions) == ("k1:9092,k2:9092", 81, 3)


def test_lists_and_objects_are_json() -> None:
    settings = load(
        AIVIS_GATEWAY_KEYS='[{"name": "desk", "tenants": ["acme"]}]', AIVIS_GATEWAY_SOURCES='{"desk": "acme"}'
    )
    assert settings.keys == (Grant(name="desk", tenants=("acme",)),)
    assert settings.sources == {"desk": "acme"}


def test_a_text_is_a_text_even_if_it_looks_like_json() -> None:
    assert load(AIVIS_GATEWAY_SECRET="{x").secret == "{x"


def test_a_misspelt_variable_is_refused_with_the_nearest_known_one() -> None:
    assert refusal(AIVIS_KAFKAA="x") == (
        "environment variable AIVIS_KAFKAA is no setting of gateway: did you mean AIVIS_KAFKA?"
    )
    assert refusal(AIVIS_GATEWAY_PROT="1").endswith("did you mean AIVIS_GATEWAY_PORT?")
    assert refusal(AIVIS_DATABSE_FILE="/x").endswith("did you mean AIVIS_DATABASE?")


def test_a_variable_like_no_other_is_refused_with_those_there_are() -> None:
    words = refusal(AIVIS_ZZZZZZZZZZZ="x")
    assert "known are AIVIS_ARTIFACTS, AIVIS_DATABASE" in words
    assert "AIVIS_GATEWAY_PORT" in words


def test_other_parts_and_other_programs_look_after_their_own() -> None:
    others = {f"AIVIS_{part.upper()}_ANYTHING": "x" for part in PARTS if part != "gateway"}
    load(**others, PATH="/bin", AIVISX="y")


def test_a_bad_value_is_refused_with_its_variable_and_what_it_should_be() -> None:
    assert refusal(AIVIS_GATEWAY_PORT="70000") == (
        "AIVIS_GATEWAY_PORT='70000': Input should be less than or equal to 65535"
    )
    assert refusal(AIVIS_LOG_FORMAT="xml").startswith("AIVIS_LOG_FORMAT='xml': String should match pattern")
    assert refusal(AIVIS_GATEWAY_IN_FLIGHT="many").startswith("AIVIS_GATEWAY_IN_FLIGHT='many': Input should be a valid")


def test_a_fault_inside_a_value_is_told_with_its_place() -> None:
    words = refusal(AIVIS_GATEWAY_KEYS='[{"name": "desk", "tenants": ["a"]}, {"name": "mail", "tenants": []}]')
    assert words.startswith("AIVIS_GATEWAY_KEYS[1]['tenants']=")


def test_what_is_no_json_is_refused() -> None:
    assert refusal(AIVIS_GATEWAY_KEYS="[{").startswith("AIVIS_GATEWAY_KEYS: not JSON: ")


def test_secrets_are_shown_in_no_message() -> None:
    assert "s3cret" not in refusal(AIVIS_GATEWAY_PINS='["s3cret"]')
    assert "s3cret" not in refusal(AIVIS_GATEWAY_PINS='["s3cret"')
    assert "s3cret" not in repr(load(AIVIS_GATEWAY_SECRET="s3cret", AIVIS_OPERATOR_TOKEN="s3cret"))


def test_a_value_may_come_from_a_mounted_file(tmp_path: Path) -> None:
    mounted = tmp_path / "secret"
    mounted.write_text("from the file\n", encoding="utf-8")
    assert load(AIVIS_GATEWAY_SECRET_FILE=str(mounted)).secret == "from the file"
    assert load(AIVIS_GATEWAY_SECRET_FILE=str(mounted), AIVIS_GATEWAY_SECRET="given").secret == "given"


def test_a_mounted_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    missing = str(tmp_path / "none")
    assert refusal(AIVIS_GATEWAY_SECRET_FILE=missing) == (
        f"AIVIS_GATEWAY_SECRET_FILE={missing!r}: cannot be read: No such file or directory"
    )


def test_settings_do_not_change_after_start() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(load(), "port", 1)  # noqa: B010 - a checker would refuse the plain form


def test_every_service_of_the_table_is_a_part() -> None:
    from aivis.topics import TOPICS

    assert {name for topic in TOPICS for name in (*topic.producers, *topic.consumers)} <= set(PARTS)
    assert set(Settings.model_fields) < set(ServiceSettings.model_fields)
