"""Documents cut to passages."""

import re
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aivis.errors import Invalid
from services.retriever.passages import LIMIT, cut, version
from services.retriever.ports import Document

WORD = re.compile(r"\w+")


def document(text: str, *, title: str = "Page", media_type: str = "text/markdown", id: str = "d") -> Document:
    return Document(id, title, text, "docs/page.md", media_type)


def sections(text: str, **of: str) -> list[tuple[str, str]]:
    return [(passage.section, passage.text) for passage in cut(document(text, **of))]


def test_each_section_is_a_passage_with_the_headings_above_it() -> None:
    text = "# Page\n\nIntro.\n\n## First\n\nOne.\n\n### Deep\n\nTwo.\n\n## Second\n\nThree."
    assert sections(text) == [("", "Intro."), ("First", "One."), ("First > Deep", "Two."), ("Second", "Three.")]


def test_a_title_that_differs_from_the_first_heading_leaves_the_heading_in_the_path() -> None:
    assert sections("# Other\n\nText.") == [("Other", "Text.")]


def test_a_heading_without_text_below_is_a_passage_of_its_own() -> None:
    assert sections("# Page\n\n## Empty\n\n## Full\n\nText.") == [("Empty", "Empty"), ("Full", "Text.")]


def test_a_table_of_contents_is_left_out_since_the_headings_say_the_same() -> None:
    text = "# Page\n\n-   [First one](#a)\n-   [Elsewhere](#b)\n\n## First one {#a .section}\n\nText."
    assert sections(text) == [("", "-   Elsewhere"), ("First one", "Text.")]


def test_links_emphasis_escapes_and_anchors_leave_their_words() -> None:
    text = 'See **[the guide](/a b/c(d).md#x)** for `a[0](b)` \\(new\\). ![A picture](p.png)<a name="n"></a>'
    assert sections(text) == [("", "See the guide for `a[0](b)` (new). A picture")]


def test_code_stays_as_it_is_even_where_it_looks_like_markup() -> None:
    code = "```sh\n# not a heading\n| not a table\n\n**kept** [kept](too)\n```"
    assert sections(f"Run:\n\n{code}\n\nDone.") == [("", f"Run:\n\n{code}\n\nDone.")]


def test_a_fence_that_is_never_closed_loses_nothing() -> None:
    assert sections("```\nlast line") == [("", "```\nlast line\n```")]


def test_a_list_keeps_its_items_on_lines_of_their_own() -> None:
    assert sections("Do:\n\n1. one\n2. two\n   - inner\n") == [("", "Do:\n\n1. one\n2. two\n   - inner")]


def test_a_table_that_is_too_long_repeats_its_header_in_every_piece() -> None:
    rows = [f"|name{place}|{'value ' * 10}|" for place in range(60)]
    found = cut(document("\n".join(["|Name|Value|", "|---|---|", *rows])))
    assert len(found) > 2
    assert all(passage.text.startswith("|Name|Value|\n|---|---|\n") for passage in found)
    held = [line for passage in found for line in passage.text.split("\n")[2:]]
    assert [line.strip() for line in held] == [row.strip() for row in rows]


def test_code_that_is_too_long_is_fenced_in_every_piece() -> None:
    found = cut(document("```python\n" + "\n".join(f"line{place} = {place}" for place in range(300)) + "\n```"))
    assert len(found) > 2
    assert all(passage.text.startswith("```python\n") and passage.text.endswith("\n```") for passage in found)


def test_long_prose_is_cut_between_sentences() -> None:
    found = cut(document(" ".join(f"This is sentence number {place} of many." for place in range(100))))
    assert len(found) > 2
    assert all(passage.text.rstrip().endswith("many.") for passage in found)


def test_a_line_that_leads_to_a_list_stays_with_the_list() -> None:
    text = "x" * (LIMIT - 60) + ".\n\nDo the following:\n\n1. " + "step " * 20
    first, second = (passage.text for passage in cut(document(text)))
    assert first.endswith("x.")
    assert second.startswith("Do the following:")


def test_html_gives_headings_lists_tables_and_code() -> None:
    text = (
        "<html><head><title>T</title><style>p {}</style></head><body><h1>Page</h1><p>In<b>tro</b>\n here<br>now.</p>"
        "<h2>Steps</h2><ol><li>one</li><li>two<ul><li>inner</li></ul></li></ol>"
        "<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>"
        "<pre>a\n  b</pre><script>alert(1)</script></body>"
    )
    assert sections(text, media_type="text/html; charset=utf-8") == [
        ("", "T"),
        ("", "Intro here\nnow."),
        ("Steps", "1.  one\n2.  two\n    -   inner\n\n|A|B|\n|1|2|\n\n```\na\n  b\n```"),
    ]


def test_an_unchanged_passage_keeps_its_id_in_a_new_version() -> None:
    old = cut(document("# Page\n\nOne.\n\n## Second\n\nTwo."))
    new = cut(document("# Page\n\nOne.\n\n## Second\n\nChanged."))
    assert old[0].id == new[0].id
    assert old[1].id != new[1].id
    assert old[0].version != new[0].version


def test_equal_passages_of_one_document_have_different_ids() -> None:
    ids = [passage.id for passage in cut(document("## A\n\nSame.\n\n## A\n\nSame.\n\n## A\n\nSame."))]
    assert len(set(ids)) == 3


def test_the_same_text_in_two_documents_has_two_ids() -> None:
    assert cut(document("Text."))[0].id != cut(document("Text.", id="other"))[0].id


@pytest.mark.parametrize("changed", [{"title": "Other"}, {"text": "Other."}, {"source": "x"}, {"language": "zh"}])
def test_the_version_changes_with_everything_a_passage_is_made_of(changed: dict[str, str]) -> None:
    own = {"id": "d", "title": "T", "text": "Text.", "source": "s", "media_type": "text/markdown", "language": "en"}
    assert version(Document(**own)) == version(Document(**own))
    assert version(Document(**own)) != version(Document(**{**own, **changed}))


def test_a_media_type_that_is_not_read_is_refused_with_those_that_are() -> None:
    with pytest.raises(Invalid, match=r"document 'd'.*application/pdf.*text/html"):
        cut(document("%PDF", media_type="application/pdf"))


PIECES = st.sampled_from(
    [
        *("# H1", "## H2 {#x .section}", "para one. two? three!", "- item a", "  - item b", "1. first", "|a|b|"),
        *("|---|---|", "```", "~~~sh", "    indented", "", "", "===", "---", "长句。没有空格的中文。"),
        *("word " * 300, "x" * 2_000, "**bold** \\(e\\)", "[text](url) `code`"),
    ]
)


@given(st.lists(PIECES, max_size=25))
def test_no_word_is_lost_and_no_passage_is_too_long(lines: list[str]) -> None:
    found = cut(document("\n".join(lines)))
    written = "\n".join(lines).replace("{#x .section}", "").replace("[text](url)", "text").replace("x" * 2_000, "")
    # A code's language and fence may be repeated, so each word must be there at least as often as it was written.
    held = Counter(WORD.findall("\n".join(f"{passage.section}\n{passage.text}" for passage in found)))
    missing = {word: count for word, count in Counter(WORD.findall(written)).items() if word not in held}
    assert missing == {}
    assert all(0 < len(passage.text) <= LIMIT for passage in found)
    assert sum(passage.text.count("x") for passage in found) >= "\n".join(lines).count("x" * 2_000) * 2_000


@given(st.text(max_size=3_000))
def test_any_text_at_all_is_cut_without_an_error(text: str) -> None:
    for media_type in ("text/markdown", "text/html"):
        assert all(0 < len(passage.text) <= LIMIT for passage in cut(document(text, media_type=media_type)))
