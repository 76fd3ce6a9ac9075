"""What the retriever measures."""

from prometheus_client import Counter, Histogram

SEARCHES = Counter("aivis_retriever_searches_total", "Searches answered, by what came of them.", ["outcome"])
SEARCH_SECONDS = Histogram(
    "aivis_retriever_search_seconds",
    "Time of a search, embedding of the question included.",
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
)
DOCUMENTS = Counter("aivis_retriever_documents_total", "Documents handled, by what was done.", ["done"])
