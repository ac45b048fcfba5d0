"""Statistics shared by the analyses, in pure Python."""
