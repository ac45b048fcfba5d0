"""Protocols of sinks and guards."""
