"""What stands behind the project's commands: kedro run, kedro lineage."""
