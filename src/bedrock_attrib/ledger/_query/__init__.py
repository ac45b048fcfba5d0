"""Queries of a ledger: single calls, sums and the fields they go by."""
