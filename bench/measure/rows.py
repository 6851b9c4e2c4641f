"""Rows of a table: {name, value, unit, against, ratio, goal, holds}."""

VERDICT = {True: "holds", False: "**missed**", None: ""}


def at_least(name, value, unit, against, goal, digits=2):
    """A row whose ratio to what it stands beside must reach a goal, when there is one."""
    ratio = value / against
    holds = None if goal is None else ratio >= goal
    told = None if goal is None else f"≥ {goal}"
    return dict(name=name, value=round(value, digits), unit=unit, against=round(against, digits), ratio=round(ratio, 3), goal=told, holds=holds)


def at_most(name, value, unit, goal, digits=2):
    """A row whose value must not exceed a goal, when there is one."""
    value = round(value, digits)
    told, holds = (None, None) if goal is None else (f"≤ {goal} {unit}".rstrip(), value <= goal)
    return dict(name=name, value=value, unit=unit, against=None, ratio=None, goal=told, holds=holds)


def no_less(name, value, unit, goal, digits=2):
    """A row whose value must reach a goal."""
    value = round(value, digits)
    return dict(name=name, value=value, unit=unit, against=None, ratio=None, goal=f"≥ {goal:,} {unit}", holds=value >= goal)


def table(rows):
    """As Markdown, for docs/BENCHMARKS.md."""
    shown = lambda value: "" if value is None else f"{value:,}" if isinstance(value, (int, float)) else value
    lines = ["| what | | | beside | ratio | goal | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row["name"], shown(row["value"]), row["unit"], shown(row["against"]), shown(row["ratio"]), shown(row["goal"]), VERDICT[row["holds"]]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def token_table(rows):
    """As Markdown: what stands beside has a name there."""
    lines = ["| what | µs | beside | its µs | ratio | goal | |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        cells = [row["name"], row["value"], row["beside"], row["against"], row["ratio"], row["goal"] or "", VERDICT[row["holds"]]]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)
