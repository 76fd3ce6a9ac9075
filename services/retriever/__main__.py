"""`python -m services.retriever`."""

from services.retriever.main import main

main()
