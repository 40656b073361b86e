"""Map page, pictures, PDF and spreadsheets made from a run."""
