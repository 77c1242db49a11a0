"""Host names: letters that IDNA 2003 mapped away, joiners, symbols, right-to-left and bad ones."""

# ruff: noqa: RUF001
from __future__ import annotations

NAMES = (
    "straße.test", "faß.de", "ß.test", "bücher.test", "BÜCHER.test", "σς.gr", "ΣΣ.gr",
    "نامه‌ای.com", "a‍b.test", "क्‍ष.test", "☕.us", "i❤.ws", "★.test", "ﬀ.test", "ＡＢＣ.test",
    "a。b.ü.test", "ü．test", "Ⅷü.test", "İ.test", "ı.test", "ab--cd.ü.test", "-ü.test", "ü-.test",
    "xn--ü.test", "\u0301a.test", "אב.test", "א1.test", "1א.test", "٠۰.test", "日本語。テスト",
    "中国.test", "ö_x.test", "ö x.test", "ö\u00adx.test", "ü..test", "ü.test.", "ü" * 60 + ".test",
    "\u1e9e.test", "ﬁü.test", "½ü.test", "€.test", "ü\u200d.test", "𝒜ü.test", "ü\ufffd.test",
    "ü\u2024x.test", "xn--strae-oqa.ü.test", "Ü.XN--STRAE-OQA.test", "ａ。ü.test", "ñandú.test",
)  # fmt: skip


def for_go() -> list[str]:
    """Return the names."""
    return list(NAMES)
