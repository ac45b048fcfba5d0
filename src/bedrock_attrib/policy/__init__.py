"""Tag policy: which tags calls must have, and which models they may use."""

from .decision import Violation
from .tag_policy import TagPolicy

__all__ = ["TagPolicy", "Violation"]
