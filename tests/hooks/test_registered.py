"""Hooks as Kedro takes them in, before any run has begun."""

import inspect

from blur_pipeline import settings


def test_every_attribute_of_a_hook_may_be_asked_for():
    """Some releases of pluggy look at each by ``getattr`` as they register a hook: a property would be worked out."""
    for hook in settings.HOOKS:
        for name in dir(hook):
            if not name.startswith("__"):
                assert not isinstance(inspect.getattr_static(hook, name), property), (type(hook).__name__, name)
