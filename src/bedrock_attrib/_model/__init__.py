"""Values of the library: usage, cost, model ids, tags and call records."""
