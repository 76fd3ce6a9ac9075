"""`python -m services.reasoner`."""

from services.reasoner.main import main

main()
