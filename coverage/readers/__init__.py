"""Input layers and exchange formats. Knows the domain only; passed in by the services."""
