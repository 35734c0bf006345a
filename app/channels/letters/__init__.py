"""Letters: a print service over HTTP, and print rooms that take files."""
