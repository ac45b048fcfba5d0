"""Hook for PyInstaller, which finds it by its entry point ``pyinstaller40``."""

from __future__ import annotations

from importlib.resources import files


def hook_dirs() -> list[str]:
    """Return the folders that hold hooks: this one."""
    return [str(files(__package__))]
