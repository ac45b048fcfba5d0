"""Spend tables and the formats they are written in."""
