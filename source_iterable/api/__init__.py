"""The Iterable API: requests, rate budgets, retries, and responses that are received whole."""
