"""Which method for this model and data: settings tried on an equal budget, in a study that processes share."""
