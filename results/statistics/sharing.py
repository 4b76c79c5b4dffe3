"""How evenly something is shared."""

import numpy as np
import numpy.typing as npt


def jain(amounts: npt.NDArray[np.int64]) -> float:
    """Jain's index: (sum x)^2 / (n sum x^2), from 1/n to 1 (Jain, Chiu and Hawe, DEC-TR-301, 1984)."""
    squares = len(amounts) * float(np.sum(amounts.astype(np.float64) ** 2))
    return float(np.sum(amounts)) ** 2 / squares if squares else 1.0
