"""The data folder that the end-to-end tests use as well."""

from tests.end_to_end.conftest import template

__all__ = ["template"]
