"""Analyses: comparison, what-if, savings, forecast, anomalies, repeated requests."""
