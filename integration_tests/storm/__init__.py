"""Storms: seeded worlds, faults and kills; whatever happens, the records must be the sandbox's truth."""
