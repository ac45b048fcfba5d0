"""One call from its start to its record: lifecycle, finalizer, record builder."""
