"""Projects: several load into one set of tables, each with a configuration and a name of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from source_iterable.errors import ConfigError
from source_iterable.load.destination import Destination
from source_iterable.load.tables import Table, has_projects


def check_projects(destination: Destination, tables: Iterable[Table], project: str | None) -> None:
    """Raise ConfigError if these tables have rows of projects, and this configuration has none, or the other way round."""
    held = {table.name: columns for table in tables if (columns := destination.columns(table.name))}
    if others := [name for name, columns in held.items() if has_projects(columns) != bool(project)]:
        update = destination.update_to_project(others, project) if project else ""
        raise mixed_projects(others, project, f"--reload {','.join(others)}", update)


def mixed_projects(names: Collection[str], project: str | None, anew: str, update: str = "") -> ConfigError:
    """The error for tables that would get rows of projects beside others.

    `anew` is how to load them from the beginning; `update` is SQL after which their rows are of `project`.
    """
    tables = ", ".join(names)
    if not project:
        return ConfigError(
            f"These tables have rows of several projects: {tables}. Set the option project to this one's name."
        )
    run = (
        f" If their rows are of {project}, run this SQL, and then the load: {update} If they are not:" if update else ""
    )
    return ConfigError(
        f"These tables were begun without the option project: {tables}.{run} Use another dataset, or load them again from "
        f"the beginning: {anew}."
    )
