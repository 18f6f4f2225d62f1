"""The exceptions for what a user can mend."""


class BadInputError(ValueError):
    """Input that cannot be used: one sentence that names the file, line or key, and the mend.

    The command line prints it without a traceback (``cli.py``); everything else is a defect of ours.
    """


class PassingError(BadInputError):
    """What stands in the way here and now, a port in use: the same may be asked again, and is not wrong in itself."""


class TrainingFailedError(RuntimeError):
    """A training ended before its end for a reason worth one sentence; its last checkpoint is kept."""


def first_line(error: BaseException) -> str:
    """Of an error's text; of one without any the name of its kind."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
