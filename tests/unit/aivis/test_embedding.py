"""Sentence embeddings."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from aivis.embedding import BATCH, DIMENSIONS, Embedder, Vectors, shared_embedder
from aivis.errors import Invalid


def test_texts_that_mean_the_same_lie_closer_than_texts_that_do_not() -> None:
    ask, alike, other = shared_embedder().embed(
        ["How do I reset my password?", "I forgot my login credentials", "Disks can be made larger"]
    )
    assert ask @ alike > 0.5 > ask @ other + 0.3


def test_vectors_come_in_the_order_of_the_texts_whatever_their_lengths() -> None:
    texts = [f"word {place} " * (1 + (place * 7) % 23) for place in range(BATCH * 2 + 3)]
    together = shared_embedder().embed(texts)
    alone = np.vstack([shared_embedder().embed([text]) for text in texts])
    # Quantised activations are scaled per run, so padding moves a vector a little: cosine, not equality.
    assert together.shape == (len(texts), DIMENSIONS)
    assert (together * alone).sum(axis=1).min() > 0.97
    assert ((together @ alone.T).argmax(axis=1) == np.arange(len(texts))).mean() > 0.8


def test_vectors_have_length_one() -> None:
    vectors = shared_embedder().embed(["one", "", "\ud800 lone surrogate", "x" * 100_000, "安全组"])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_vectors() -> None:
    assert shared_embedder().embed([]).shape == (0, DIMENSIONS)


def test_the_async_form_gives_the_same_vectors_and_lets_the_loop_run() -> None:
    async def both() -> tuple[Vectors, int]:
        turns = 0
        task = asyncio.ensure_future(shared_embedder().embed_async(texts))
        while not task.done():
            turns += 1
            await asyncio.sleep(0)
        return await task, turns

    texts = ["How do I stop an instance?"] * (BATCH * 2)
    vectors, turns = asyncio.run(both())
    assert np.allclose(vectors, shared_embedder().embed(texts), atol=1e-5)
    assert turns > 10


def test_several_threads_share_one_embedder() -> None:
    embedder = Embedder()
    with ThreadPoolExecutor(4) as threads:
        vectors = list(threads.map(lambda _: embedder.embed(["a stopped instance"]), range(8)))
    assert all(np.array_equal(vectors[0], vector) for vector in vectors)


def test_a_damaged_model_file_is_refused_by_name(tmp_path: Path) -> None:
    damaged = tmp_path / "model.onnx"
    damaged.write_bytes(b"not the model")
    with pytest.raises(Invalid, match=r"model\.onnx: SHA-256 is .* reinstall"):
        Embedder(model=damaged).embed(["text"])


def test_the_process_has_one_embedder() -> None:
    assert shared_embedder() is shared_embedder()
