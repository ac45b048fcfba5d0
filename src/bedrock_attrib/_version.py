"""Version of the package, which its metadata is built from."""

__version__ = "0.1.0"
