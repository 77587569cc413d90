"""Functions that C files carry: what libm lacks, and what compilers make no vectors of.

exp, expm1, tanh, log, log1p and erfc are reductions as Cody and Waite's (Software Manual for the
Elementary Functions, 1980) with polynomials through Chebyshev nodes; the tests hold their errors.
A processor without vectors takes those of libm.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

# (e^r - 1 - r)/r^2 on |r| <= log(2)/2
_EXP = (
    *(0.5000000000000001, 0.16666666666666667, 0.041666666666623821, 0.0083333333333300382),
    *(0.0013888888917367081, 0.00019841269863171556, 2.4801521057868205e-5),
    *(2.7557268276905696e-6, 2.7620201591031549e-7, 2.5100472505694996e-8),
)
_EXP_SINGLE = (0.500000001, 0.166666667, 0.0416664642, 0.00833331084, 0.00139337307, 0.000198910805)
# (log((1 + s)/(1 - s)) - 2 s)/s^3 as a series in s^2, on |s| <= 0.1717
_LOG = (
    *(0.66666666666666666, 0.40000000000000886, 0.28571428570797932, 0.22222222393000648),
    *(0.18181795502739436, 0.15386247170362733, 0.13268573298949259, 0.13088714507747484),
)
_LOG_SINGLE = (0.666666666, 0.400001224, 0.285507583, 0.23332168)


def _series(x: str, coefficients: Sequence[float], suffix: str = "") -> str:
    """Horner's scheme."""
    text = f"{coefficients[-1]!r}{suffix}"
    for c in coefficients[-2::-1]:
        text = f"{c!r}{suffix} + {x} * ({text})"
    return "\n        ".join(textwrap.wrap(text, 70))


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

_WORD = """\
/* numbers as bits */
#if NET_BITS == 32
typedef uint32_t net_bits;
#define MANTISSA 23
#define BIAS 127
#define SHIFT 12582912.0f /* 1.5 * 2^23: a sum with it is rounded to a whole number */
#define LOG2_HIGH 0.693359375f
#define LOG2_LOW -2.12194440e-4f
#else
typedef uint64_t net_bits;
#define MANTISSA 52
#define BIAS 1023
#define SHIFT 6755399441055744.0 /* 1.5 * 2^52: a sum with it is rounded to a whole number */
#define LOG2_HIGH 6.93147180369123816490e-01
#define LOG2_LOW 1.90821492927058770002e-10
#endif
typedef union {
    net_real number;
    net_bits bits;
} net_word;"""

_REDUCED = f"""\
/* e^r - 1, where x = k log 2 + r with the nearest k; half: 2^(k - 1) */
INLINE net_real reduced(net_real x, net_real *half)
{{
    const net_real shifted = x * R(1.4426950408889634) + SHIFT, k = shifted - SHIFT;
    const net_real r = (x - k * LOG2_HIGH) - k * LOG2_LOW;
    net_word word = {{shifted}};
    word.bits = (word.bits + (BIAS - 1)) << MANTISSA;
    *half = word.number;
#if NET_BITS == 32
    const net_real series = {_series("r", _EXP_SINGLE, "f")};
#else
    const net_real series = {_series("r", _EXP)};
#endif
    return r + r * r * series;
}}"""

_EXP_TEXT = """\
INLINE net_real real_exp(net_real x)
{
    const net_real low = NET_BITS == 32 ? R(-87.0) : R(-708.0);
    const net_real high = NET_BITS == 32 ? R(89.0) : R(710.0);
    const net_real above = x < low ? low : x, inside = above > high ? high : above;
    net_real half;
    const net_real e = reduced(inside, &half), found = (half + half * e) * R(2.0);
    return x < low ? R(0.0) : found;
}"""

_EXPM1_TEXT = """\
INLINE net_real real_expm1(net_real x)
{
    const net_real high = NET_BITS == 32 ? R(89.0) : R(710.0);
    const net_real above = x < R(-40.0) ? R(-40.0) : x, inside = above > high ? high : above;
    net_real half;
    const net_real e = reduced(inside, &half);
    return (half * e + (half - R(0.5))) * R(2.0);
}"""

_TANH_TEXT = """\
INLINE net_real real_tanh(net_real x)
{
    const net_real e = real_expm1(R(-2.0) * (x < R(0.0) ? -x : x)), found = e / (R(2.0) + e);
    return x < R(0.0) ? found : -found;
}"""

_LOG_OF = f"""\
/* log(x + low), where low is 0 or far below x */
INLINE net_real log_of(net_real x, net_real low)
{{
#if NET_BITS == 32
    const net_bits root = 0x3f3504f3u;
    const net_real small = FLT_MIN, lift = 33554432.0f, lifted = 25.0f;
#else
    const net_bits root = 0x3fe6a09e667f3bcdu;
    const net_real small = DBL_MIN, lift = 33554432.0, lifted = 25.0;
#endif
    /* x = 2^k (1 + f), and 1 + f lies between sqrt(1/2) and sqrt(2) */
    net_word word = {{x < small ? x * lift : x}}, count = {{SHIFT}};
    word.bits += ((net_bits)BIAS << MANTISSA) - root;
    count.bits += word.bits >> MANTISSA;
    word.bits = (word.bits & (((net_bits)1 << MANTISSA) - 1)) + root;
    const net_real f = word.number - R(1.0);
    const net_real k = (count.number - SHIFT - BIAS) - (x < small ? lifted : R(0.0));
    /* log(1 + f) = 2 s + s^3 series, where 2 s = f - s f */
    const net_real s = f / (R(2.0) + f), z = s * s;
#if NET_BITS == 32
    const net_real series = {_series("z", _LOG_SINGLE, "f")};
#else
    const net_real series = {_series("z", _LOG)};
#endif
    const net_real rest = s * (z * series - f) + (k * LOG2_LOW + low / x);
    const net_real found = k * LOG2_HIGH + (f + rest);
    const net_real finite = x > NET_MAX ? x : found;
    const net_real other = x == R(0.0) ? R(-1.0) / (x * x) : (x - x) / (x - x);
    return x > R(0.0) ? finite : other;
}}"""

_LOG_TEXT = """\
INLINE net_real real_log(net_real x)
{
    return log_of(x, R(0.0));
}"""

_LOG1P_TEXT = """\
INLINE net_real real_log1p(net_real x)
{
    const net_real whole = R(1.0) + x, lost = x - (whole - R(1.0));
    return log_of(whole, whole > NET_MAX ? R(0.0) : lost);
}"""

# of (1 + 2 x) exp(x^2) erfc(x), as in engine/erfc.py
_ERFC = (
    *(1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189),
    *(-0.026658668435305753, 0.009074997670705265, -0.002413163540417608, 0.0004907758365258086),
    *(-6.916973302501207e-05, 4.13902798607301e-06, 7.74038306619849e-07, -2.1886401049234397e-07),
    *(1.076499946567091e-08, 4.521959811218287e-09, -7.754400208831351e-10),
    *(-6.318088340886684e-11, 2.86879501093067e-11, 1.9455868545777347e-13),
    *(-9.65469674843344e-13, 3.25254814814874e-14, 3.3478119482868056e-14),
    *(-1.864562880419313e-15, -1.2507950530688648e-15, 7.418235256624044e-17),
    *(5.068148904796111e-17,),
)
_ERFC_SINGLE = tuple(c for c in _ERFC if abs(c) > 1e-8)


def _clenshaw(coefficients: Sequence[float], suffix: str = "") -> str:
    """The sum of Chebyshev polynomials of t, where two = 2 t, as statements that end in series."""
    last, *rest = reversed(coefficients)
    before, now, rows = "R(0.0)", f"{last!r}{suffix}", list[str]()
    for k, c in enumerate(rest):
        factor, name = ("t", "series") if k == len(rest) - 1 else ("two", f"s{k}")
        rows.append(f"const net_real {name} = {factor} * {now} - {before} + {c!r}{suffix};")
        before, now = now, name
    return "\n    ".join(rows)


_ERFC_TEXT = f"""\
/* a series in t = (x - 3.75)/(x + 3.75) for x > 0 (Shepherd and Laframboise, Math. Comp. 36, 1981);
   exp(-x^2) in two factors keeps its last digits */
INLINE net_real real_erfc(net_real x)
{{
    const net_real size = x < R(0.0) ? -x : x, a = size > R(30.0) ? R(30.0) : size;
    const net_real t = (a - R(3.75)) / (a + R(3.75)), two = R(2.0) * t;
#if NET_BITS == 32
    {_clenshaw(_ERFC_SINGLE, "f")}
#else
    {_clenshaw(_ERFC)}
#endif
    const net_real high = (R(16.0) * a + SHIFT - SHIFT) / R(16.0);
    const net_real decay = real_exp(-high * high) * real_exp((high - a) * (high + a));
    const net_real tail = series * decay / (R(1.0) + R(2.0) * a);
    return x < R(0.0) ? R(2.0) - tail : tail;
}}"""

# function -> what it consists of, in order
_VECTORS = {
    "exp": (_WORD, _REDUCED, _EXP_TEXT),
    "expm1": (_WORD, _REDUCED, _EXPM1_TEXT),
    "tanh": (_WORD, _REDUCED, _EXPM1_TEXT, _TANH_TEXT),
    "log": (_WORD, _LOG_OF, _LOG_TEXT),
    "log1p": (_WORD, _LOG_OF, _LOG1P_TEXT),
    "erfc": (_WORD, _REDUCED, _EXP_TEXT, _ERFC_TEXT),
}
VECTORS = tuple(_VECTORS)


def vector_texts(functions: Iterable[str]) -> list[str]:
    """What these functions consist of, each part once."""
    return list(dict.fromkeys(part for f in functions for part in _VECTORS.get(f, ())))
