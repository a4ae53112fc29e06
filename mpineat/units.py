"""Numbers as a person reads them; for log, status and report."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return "0:07", "12:30", "5:02:30" or "3 d 5:02:30"."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, second = divmod(rest, 60)
    clock = f"{hours}:{minutes:02}:{second:02}" if hours or days else f"{minutes}:{second:02}"
    return f"{days} d {clock}" if days else clock


def count(number: float) -> str:
    """Return three digits and a suffix: "812", "1.25 k", "31.4 M", "2.07 G"."""
    for power, suffix in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(number) >= power * 0.9995:
            return f"{number / power:#.3g}".rstrip(".") + suffix
    return f"{number:.0f}"


def share(fraction: float | None) -> str:
    """Return a share as whole per cent, "-" where there is none."""
    return "-" if fraction is None else f"{100 * fraction:.0f} %"


def accuracy(value: float | None) -> str:
    """Return four decimals, "-" where there is none."""
    return "-" if value is None else f"{value:.4f}"


def plural(number: int, noun: str, many: str | None = None) -> str:
    """Return "1 candidate" or "12 candidates"."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"
