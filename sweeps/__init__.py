"""YAML → a plan of runs: recipes, the sweep file, and the plan."""
