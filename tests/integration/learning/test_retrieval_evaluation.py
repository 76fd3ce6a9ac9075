"""The evaluation of retrieval, from files to figures."""

from pathlib import Path

import orjson
import pytest

from learning.evaluation.retrieval import asked, corpus, evaluate


async def test_files_of_the_given_form_give_the_figures(tmp_path: Path) -> None:
    documents = {
        "stop": "A stopped instance keeps its volumes and can be started again.",
        "route": "A route table says where the traffic of a subnet goes.",
        "tag": "A tag is a key and a value on a resource.",
        "zh": "快照是云盘在某一时刻的备份。",
    }
    questions = {
        "Where is traffic of the subnet sent?": "route",
        "Does a stopped machine keep its disks?": "stop",
        "云盘怎么备份?": "zh",
    }
    own, wanted = tmp_path / "corpus.jsonl", tmp_path / "questions.jsonl"
    lines = [orjson.dumps({"id": id, "title": "", "text": text}) for id, text in documents.items()]
    own.write_bytes(b"\n".join(lines))
    asks = [{"id": text, "question": text, "relevant": [id]} for text, id in questions.items()]
    wanted.write_bytes(b"\n".join(map(orjson.dumps, asks)))
    seen: list[int] = []

    read = corpus(own)
    found = await evaluate(read, asked(wanted, set(documents)), progress=lambda done, _: seen.append(done))

    assert found["recall@1"] == pytest.approx(1)
    assert found["ndcg@10"] == pytest.approx(1)
    assert (found["documents"], found["questions"]) == (4, 3)
    assert found["ms_per_query"] > 0
    assert found["documents_per_second"] > 0
    assert seen == [1, 2, 3, 4]
