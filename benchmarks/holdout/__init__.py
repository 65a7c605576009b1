"""Intervals against published results: truths, baselines, forecasts of budgets and single runs, scores, tables."""
