"""A file or a frame of runs → RunTable: columns found, units checked, budgets grouped, rows at fault named."""
