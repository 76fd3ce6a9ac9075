"""`python -m services.planner`."""

from services.planner.main import main

main()
