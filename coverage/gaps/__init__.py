"""Signal × population × boundary: who is served, by whom, and what one more site adds."""
