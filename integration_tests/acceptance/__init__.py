"""Airbyte's own acceptance tests: what acceptance-test-config.yml lists, against the sandbox."""
