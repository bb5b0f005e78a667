"""Squashed migrations: a new installation gets the tables that an old one has come to step by step."""

from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState


def left_by(loader: MigrationLoader) -> ProjectState:
    return loader.project_state(loader.graph.leaf_nodes())


def test_both_ways_lead_to_the_same_tables_columns_and_constraints():
    new, old = (MigrationLoader(None, replace_migrations=squashed) for squashed in (True, False))
    assert len(new.graph.nodes) < len(old.graph.nodes)
    missing = MigrationAutodetector(left_by(old), left_by(new)).changes(graph=new.graph)
    told = [
        operation.describe() for steps in missing.values() for step in steps for operation in step.operations
    ]
    assert told == []
