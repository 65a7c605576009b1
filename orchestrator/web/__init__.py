"""The page and the report: templates, styles and scripts, and the one place that renders them."""
