"""Analyses: comparison, what-if, savings, forecast, anomalies, repeats."""
