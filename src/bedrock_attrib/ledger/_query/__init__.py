"""Queries of a ledger: sums of spans, sums of single calls, and calls."""
