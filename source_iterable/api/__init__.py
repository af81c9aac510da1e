"""The Iterable API: requests, rate budgets, retries, and responses received whole."""
