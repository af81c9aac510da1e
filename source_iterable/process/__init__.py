"""The running process: what a sync is doing, how a command ends, what this machine lacks."""
