"""From input digests and parameters to a folder of results."""
