"""Statistics that the analyses share."""
