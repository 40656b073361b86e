"""Which sites to build next, and how far any plan can be from better."""
