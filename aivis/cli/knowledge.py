"""`aivis ingest`, `aivis search`: knowledge in, passages out."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import grpc
import typer
from rich.progress import track

from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console
from aivis.errors import Invalid, from_grpc
from aivis.v1 import knowledge_pb2, knowledge_pb2_grpc

_MEDIA = {".md": "text/markdown", ".markdown": "text/markdown", ".html": "text/html", ".htm": "text/html"}
_TITLE = re.compile(r"^#\s+(.+)$|<title>(.*?)</title>", re.MULTILINE | re.DOTALL)


@command
def ingest(
    path: Annotated[Path, typer.Argument(help="A markdown or HTML file, or a folder of them.")],
    folder: Folder = DEFAULT_FOLDER,
    language: Annotated[str, typer.Option(help="Of the documents, as a BCP 47 tag.")] = "en",
) -> None:
    """Hand documents to the retriever; what did not change is not indexed again."""
    api = client(folder)
    documents = sorted(_documents(path))
    for file in track(documents, description="ingesting", console=console):
        name = file.relative_to(path if path.is_dir() else path.parent).as_posix()
        text = file.read_text(encoding="utf-8", errors="replace")
        document = {
            "document": name,
            "title": _title(text) or file.stem,
            "text": text,
            "media_type": _MEDIA[file.suffix],
            "source": name,
            "language": language,
        }
        api.put(api.run.retriever, f"/v1/tenants/{api.run.tenant}/documents/{name}", document)
    console.print(f"{len(documents)} documents are on their way into the index")


@command
def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    folder: Folder = DEFAULT_FOLDER,
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
) -> None:
    """Search the tenant's knowledge and that shared by all."""
    run = client(folder).run
    with grpc.insecure_channel(run.knowledge) as channel:
        stub = knowledge_pb2_grpc.KnowledgeStub(channel)
        request = knowledge_pb2.SearchRequest(tenant=run.tenant, query=query, limit=limit)
        try:
            answer = stub.Search(request, timeout=15)
        except grpc.RpcError as error:
            raise from_grpc(error, doing=f"searching at {run.knowledge}") from error
    for hit in answer.hits:
        passage = hit.passage
        console.print(f"[bold]{passage.title}[/]  {passage.section}  [dim]{passage.source}  {hit.score:.2f}[/]")
        console.print(passage.text[:400], markup=False)


def _documents(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (file for file in path.rglob("*") if file.suffix in _MEDIA)
    elif path.suffix in _MEDIA:
        yield path
    else:
        raise Invalid(f"{path}: give a folder, or a file that ends in {', '.join(_MEDIA)}")


def _title(text: str) -> str:
    found = _TITLE.search(text)
    return (found[1] or found[2] or "").strip() if found else ""
