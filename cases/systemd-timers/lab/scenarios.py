"""All scenarios, in the order in which they are told."""
import nights  # noqa: F401
import steps  # noqa: F401
import repairs  # noqa: F401
import boots  # noqa: F401
import monotonic  # noqa: F401
import zones  # noqa: F401
