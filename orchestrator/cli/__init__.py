"""The command `isoflop`: its verbs, what they print, and their exit codes. Its own packages come first."""

from orchestrator.own_packages import put_first

put_first()
