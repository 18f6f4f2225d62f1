"""Make a language model forget chosen data, measure what was forgotten, and keep the record."""

__version__ = "0.1.0"
