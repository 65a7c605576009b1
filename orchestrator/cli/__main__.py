"""`python -m orchestrator.cli`: the command where its script is not at hand."""

from orchestrator.cli.main import main

main()
