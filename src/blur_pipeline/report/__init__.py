"""Tables, figures and pages from finished metrics."""
