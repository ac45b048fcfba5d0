"""Quantiles of Student's t distribution."""

from __future__ import annotations

import math
from statistics import NormalDist


def student_quantile(share: float, freedom: float) -> float:
    """Return the value below which *share* of Student's t distribution lies.

    By Hill (1970), algorithm 396 of the ACM, which accepts fractional degrees of
    freedom. Its relative error is below 0.00003, as tested against SciPy.

    Args:
        share: Above 0.5 and below 1.
        freedom: Degrees of freedom; fewer than 2 count as 2.
    """
    n = max(2.0, freedom)
    if n == 2:  # noqa: PLR2004 - the closed form
        tail = 2 * (1 - share)
        return math.sqrt(2 / (tail * (2 - tail)) - 2)
    tail = 2 * (1 - share)
    a = 1 / (n - 0.5)
    b = (48 / a) / a
    c = ((20700 * a / b - 98) * a - 16) * a + 96.36
    d = ((94.5 / (b + c) - 3) / b + 1) * math.sqrt(a * math.pi / 2) * n
    y = (d * tail) ** (2 / n)
    if y > 0.05 + a:
        x = NormalDist().inv_cdf(tail / 2)
        y = x * x
        if n < 5:  # noqa: PLR2004 - as in the paper
            c += 0.3 * (n - 4.5) * (x + 0.6)
        c += (((0.05 * d * x - 5) * x - 7) * x - 2) * x + b
        y = (((((0.4 * y + 6.3) * y + 36) * y + 94.5) / c - y - 3) / b + 1) * x
        y = math.expm1(a * y * y)
    else:
        z = 1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3)
        y = ((z + 0.5 / (n + 4)) * y - 1) * (n + 1) / (n + 2) + 1 / y
    return math.sqrt(n * y)
