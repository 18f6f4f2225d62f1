"""What a run says while it goes and when it ends, for a terminal of 80 columns and for a log."""
