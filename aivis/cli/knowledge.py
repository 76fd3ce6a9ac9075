"""`aivis ingest`, `aivis search`: knowledge in, passages out."""

import importlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import grpc
import typer
from rich.progress import track

from aivis.cli.shell import DEFAULT_FOLDER, Folder, client, command, console
from aivis.errors import from_grpc
from aivis.v1 import knowledge_pb2, knowledge_pb2_grpc


@command
def ingest(
    path: Annotated[Path, typer.Argument(help="A markdown or HTML file, or a folder of them.")],
    folder: Folder = DEFAULT_FOLDER,
    language: Annotated[str, typer.Option(help="Of the documents, as a BCP 47 tag.")] = "en",
) -> None:
    """Hand documents to the retriever; what did not change is not indexed again.

    Title, language and source of a document may stand in its front matter. A file that cannot be read is named, and
    nothing is sent then.
    """
    files = importlib.import_module("services.retriever.files")
    if path.is_dir():
        documents = list(files.documents_in(path, prefix="", language=language))
    else:
        documents = [files.document_of(path, id=path.name, language=language)]
    api = client(folder)
    for each in track(documents, description="ingesting", console=console):
        document = asdict(each)
        document["document"] = document.pop("id")
        api.put(api.run.retriever, f"/v1/tenants/{api.run.tenant}/documents/{each.id}", document)
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
