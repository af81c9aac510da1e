"""Projects as large as those of large customers: what a sync of each takes, against what the docs promise."""
