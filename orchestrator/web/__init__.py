"""The pages and the report: templates, styles and scripts, and what renders them."""
