"""The customer's language."""

import pytest

from services.planner.language import language


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Our server is down", "en"),
        ("No space left on device", "en"),
        ("i-0abc12345678", "en"),
        ("", "en"),
        ("服务器 i-0abc12345678 的 ssh 连不上", "zh"),
        ("サーバーに接続できません", "ja"),
        ("서버에 연결할 수 없습니다", "ko"),
        ("сервер не отвечает", "ru"),
        ("Unsere Instanz ist seit heute nicht erreichbar", "de"),
        ("Notre serveur ne répond pas depuis ce matin", "fr"),
        ("Nuestro servidor no responde desde la mañana", "es"),
    ],
)
def test_the_language_of_a_text(text: str, tag: str) -> None:
    assert language(text) == tag


def test_the_letters_between_the_digits_of_ids_are_no_words() -> None:
    ids = "vol-0e3da4e1di7una8 i-0da1e2con3no4per5e6 eipalloc-0a1e2i3la4o5"
    assert language(f"pls extend {ids} to 80 GiB, many thx") == "en"
