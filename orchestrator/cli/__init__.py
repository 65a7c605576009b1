"""The command `isoflop`: its verbs, what they print, and their exit codes."""
