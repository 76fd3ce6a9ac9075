"""What docs/writing-a-module.md shows is true: its example lints against the cloud's tools."""

import re
from pathlib import Path

import yaml

from aivis.modules.catalogue import declared
from aivis.modules.linter import lint_texts
from aivis.modules.schema import KINDS, Check, Example, Fault, Input, Lookup, Procedure, Remedy, Step, Verify
from domains.cloud.server import all_tools

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "writing-a-module.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def named(text: str) -> str:
    module = yaml.safe_load(text)
    return f"{next(module[kind] for kind in KINDS if kind in module)}.yaml"


def test_the_worked_example_lints() -> None:
    inputs = (ROOT / "domains" / "cloud" / "modules" / "inputs.yaml").read_text(encoding="utf-8")
    texts = {"inputs.yaml": inputs} | {named(text): text for text in EXAMPLES}
    assert len(texts) == 3
    assert lint_texts(texts, {tool.name: declared(tool) for tool in all_tools()}) == []


def test_every_field_of_the_language_is_on_the_page() -> None:
    forms = (Fault, Procedure, Check, Remedy, Verify, Step, Input, Lookup, Example)
    fields = {info.alias or name for form in forms for name, info in form.model_fields.items()}
    assert [field for field in sorted(fields) if not re.search(rf"\b{field}\b", PAGE)] == []
