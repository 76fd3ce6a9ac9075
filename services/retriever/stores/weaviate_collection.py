"""The collection on a Weaviate server: its name, its properties, and how a release brings it up to date."""

import hashlib
import re

from weaviate import WeaviateAsyncClient
from weaviate.classes.config import Configure, DataType, Property, StopwordsPreset, Tokenization, VectorDistances
from weaviate.classes.init import AdditionalConfig, Timeout
from weaviate.connect import ConnectionParams

from aivis.embedding import MODEL
from aivis.errors import Invalid

_ADDRESS = re.compile(r"(?P<http>https?://[^/,\s]+:\d+)/?,(?P<grpc>\d{1,5})")
_READABLE = re.compile(r"(?!x_)[A-Za-z0-9_-]{1,60}")


def connection(address: str, seconds: float) -> WeaviateAsyncClient:
    """A client, not yet connected, of the server at "http://HOST:PORT,GRPCPORT"; `Invalid` when written otherwise.

    `seconds` bound one call.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None:
        raise Invalid(f"Weaviate address {address!r}: write it as http://HOST:PORT,GRPCPORT")
    limits = Timeout(init=min(seconds, 5), query=seconds, insert=seconds)
    params = ConnectionParams.from_url(found["http"], int(found["grpc"]), grpc_secure=address.startswith("https"))
    return WeaviateAsyncClient(params, additional_config=AdditionalConfig(timeout=limits), skip_init_checks=False)


def name(prefix: str, model: str = MODEL) -> str:
    """Name of the collection for vectors of `model`: another model gets another, since their vectors do not compare."""
    return f"{prefix}_{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def tenant_name(tenant: str) -> str:
    """Weaviate's name for `tenant`, different for different tenants: it allows fewer characters than we do."""
    if _READABLE.fullmatch(tenant):
        return tenant
    return "x_" + hashlib.sha256(tenant.encode()).hexdigest()[:40]


def properties() -> list[Property]:
    """What an object holds. Later releases add to the end, and never change or remove."""
    exact = [_text(each, exact=True) for each in ("document", "version", "language", "digest")]
    kept = [_text(each) for each in ("title", "section", "text", "source")]
    words = Property(
        name="terms",
        data_type=DataType.TEXT,
        tokenization=Tokenization.WHITESPACE,
        index_searchable=True,
        index_filterable=True,
    )
    numbers = [Property(name=each, data_type=DataType.INT, index_filterable=True) for each in ("length", "siblings")]
    return [*exact, *kept, words, *numbers]


async def ensure(client: WeaviateAsyncClient, collection: str) -> None:
    """Create the collection, or add the properties it lacks; `Invalid` when one it has is of another kind."""
    wanted = properties()
    if not await client.collections.exists(collection):
        await client.collections.create(
            collection,
            description="Passages that answers cite.",
            properties=wanted,
            multi_tenancy_config=Configure.multi_tenancy(auto_tenant_creation=True, auto_tenant_activation=True),
            inverted_index_config=Configure.inverted_index(
                bm25_k1=1.2, bm25_b=0.75, stopwords_preset=StopwordsPreset.NONE
            ),
            vector_config=Configure.Vectors.self_provided(
                vector_index_config=Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE)
            ),
        )
        return
    config = await client.collections.use(collection).config.get()
    if not config.multi_tenancy_config.enabled:
        raise Invalid(f"Weaviate collection {collection}: multi-tenancy is off; delete it, or name another by setting")
    present = {each.name: each.data_type for each in config.properties}
    for each in wanted:
        if each.name not in present:
            await client.collections.use(collection).config.add_property(each)
        elif present[each.name] != each.dataType:
            raise Invalid(
                f"Weaviate collection {collection}: property {each.name} is {present[each.name]}, not {each.dataType};"
                " it was not made by Aivis: name another collection by setting"
            )


def _text(property_name: str, *, exact: bool = False) -> Property:
    return Property(
        name=property_name,
        data_type=DataType.TEXT,
        tokenization=Tokenization.FIELD,
        index_searchable=False,
        index_filterable=exact,
    )
