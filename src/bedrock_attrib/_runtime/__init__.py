"""Threads, forks and exit: contained errors, the batch queue and shutdown."""
