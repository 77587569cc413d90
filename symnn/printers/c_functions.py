"""Functions that C files carry: what libm lacks, or has in a slower form."""

from __future__ import annotations

TEXTS = {
    "abs": """\
INLINE net_real real_abs(net_real x)
{
    return x < R(0.0) ? -x : x;
}""",
    "sign": """\
INLINE net_real real_sign(net_real x)
{
    return (net_real)((x > R(0.0)) - (x < R(0.0)));
}""",
    "max": """\
/* of NaN and a number: NaN, if it is the second */
INLINE net_real real_max(net_real a, net_real b)
{
    return a >= b ? a : b;
}""",
    "min": """\
INLINE net_real real_min(net_real a, net_real b)
{
    return a <= b ? a : b;
}""",
}
