"""Hostile responses: a server that sends anything (`server`, `responses`), an API that answers well (`api`), what spoils it
(rows by subject: `bodies`, `statuses`, `transport`, `lines`, `items`, `pages`, `jobs`, `large`), and the cases these make.
"""
