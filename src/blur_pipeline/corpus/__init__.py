"""From files, hub data sets or the generated registry to clean, separate, tokenised sets."""
