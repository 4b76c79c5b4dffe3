"""How pictures look: one set of colours on light and dark ground, for the page and for files.

Colours are those of Okabe and Ito (Color Universal Design, 2008), which people who confuse colours tell apart; on
dark ground lighter ones of the same order. Nothing is told by colour alone: lines have dashes or a panel of their own,
verdicts a shape or a letter. No colour stands for a guard: there are more guards than colours.
"""

from typing import Any, Literal

from leasebench.verdict import Verdict

Mode = Literal["light", "dark"]
COLOURS: dict[Mode, tuple[str, ...]] = {
    "light": ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"),
    "dark": ("#56b4e9", "#e8743b", "#2fc49a", "#e29fc4", "#9ad4f5", "#f0b429", "#f2f2f2"),
}
"""Without their yellow: too faint for a thin line on white."""
VERDICT_COLOURS = {
    Verdict.FAILED: "#7f0d2b",
    Verdict.STALE: "#d55e00",
    Verdict.DANGLING: "#cc79a7",
    Verdict.WEDGED: "#8c4a2f",
    Verdict.STUCK: "#e69f00",
    Verdict.METASTABLE: "#b8336a",
    Verdict.SLOW: "#f0c75e",
    Verdict.UNPROVEN: "#9aa4ae",
    Verdict.RECOVERS: "#56b4e9",
    Verdict.CLEAN: "#0b8f6a",
}
"""The same on both grounds: a filled mark carries its own ink. Their lightness differs: print keeps them apart."""
VERDICT_SHAPES = {
    Verdict.FAILED: "cross",
    Verdict.STALE: "triangle-up",
    Verdict.DANGLING: "triangle-down",
    Verdict.WEDGED: "arrow",
    Verdict.STUCK: "diamond",
    Verdict.METASTABLE: "triangle-left",
    Verdict.SLOW: "triangle-right",
    Verdict.UNPROVEN: "square",
    Verdict.RECOVERS: "stroke",
    Verdict.CLEAN: "circle",
}
FONT = "DejaVu Sans, Helvetica, Arial, sans-serif"
_GROUND = {"light": "#ffffff", "dark": "#14181d"}
_INK = {"light": "#222222", "dark": "#e6e9ec"}
_GREY = {"light": "#666666", "dark": "#9aa5b0"}
_BEHIND = {"light": "#b3bac2", "dark": "#4d5762"}
_RULE = {"light": "#e6e6e6", "dark": "#2c343d"}


def luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2)."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2); text needs 4.5."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def ink_on(ground: str) -> str:
    """Black or white, whichever can be read better on a colour; one of them has at least 4.5."""
    return max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, ground))


def dark_inks() -> dict[str, str]:
    """For each ink on light ground the one in its place on dark ground: it recolours a picture that was drawn once."""
    pairs = [*zip(COLOURS["light"], COLOURS["dark"], strict=True)]
    pairs += [(kind["light"], kind["dark"]) for kind in (_GROUND, _INK, _GREY, _BEHIND, _RULE)]
    return dict(pairs)


def theme(mode: Mode) -> dict[str, Any]:
    """The Vega-Lite config that a chart is shown with; the charts themselves name no ink."""
    ink, grey, rule, colours = _INK[mode], _GREY[mode], _RULE[mode], COLOURS[mode]
    return {
        "background": _GROUND[mode],
        "font": FONT,
        "padding": 16,
        "view": {"stroke": None},
        "range": {"category": list(colours)},
        "mark": {"color": colours[0]},
        "text": {"color": ink, "font": FONT, "fontSize": 11},
        "rule": {"color": grey},
        "style": {
            "value": {"color": ink},
            "note": {"color": grey},
            "outline": {"color": ink},
            "quiet": {"color": grey},
            "faint": {"color": rule},
            "behind": {"stroke": _BEHIND[mode], "color": _BEHIND[mode]},
            "first": {"color": colours[0]},
            "second": {"color": colours[1]},
            "third": {"color": colours[2]},
            "strip": {"color": colours[4]},
        },
        "title": {
            "fontSize": 16,
            "fontWeight": "bold",
            "color": ink,
            "subtitleFontSize": 12,
            "subtitleColor": grey,
            "subtitlePadding": 5,
            "subtitleLineHeight": 16,
        },
        "axis": {
            "gridColor": rule,
            "domainColor": grey,
            "tickColor": grey,
            "labelColor": ink,
            "titleColor": ink,
            "labelFontSize": 11,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "titlePadding": 10,
        },
        "header": {"labelColor": ink, "titleColor": ink, "labelFontSize": 12},
        "legend": {
            "labelFontSize": 12,
            "labelColor": ink,
            "titleColor": grey,
            "titleFontSize": 11,
            "titleFontWeight": "normal",
            "symbolStrokeColor": ink,
            "labelLimit": 280,
            "rowPadding": 4,
        },
    }
