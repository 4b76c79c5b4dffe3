"""A length of time that a fault is given either in milliseconds or in times to live of the lease."""


def length_ms(ms: float | None, times_ttl: float | None, ttl_ms: int) -> float:
    """How long, given the lease's time to live; 0 where nothing was said."""
    return ms if ms is not None else ttl_ms * (times_ttl or 0.0)
