"""Another machine's clock against ours."""

from cli.doctor.finding import Finding, ok, warning

NTP = "Set both clocks by NTP: times in a job's history come from either."


def compare(check: str, skew: float, allowed: float) -> Finding:
    """`skew` in seconds, theirs minus ours."""
    if abs(skew) <= allowed:
        return ok(check, f"agrees with ours within {allowed:g} s")
    return warning(check, f"is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} ours", NTP)
