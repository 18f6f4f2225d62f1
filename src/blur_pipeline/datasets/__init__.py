"""Catalog types that kedro-datasets does not have."""
