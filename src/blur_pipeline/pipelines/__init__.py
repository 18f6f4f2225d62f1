"""Kedro pipelines: thin nodes over the rooms below."""
