"""The colours of figures: told apart by colour-blind eyes, and each with a mark and a dash of its own beside it."""

COLOURS = {"target": "#737880", "retrained": "#0072b2", "unlearned": "#c2410c"}
DASHES = {"target": "dot", "retrained": "dash", "unlearned": "solid"}
SYMBOLS = {"target": "square", "retrained": "diamond", "unlearned": "circle"}
OTHER, FAINT = "#3d434c", "#b8bdc4"
"""Of what belongs to no model; and of what is passed over."""

INK, LINE = "#1b1f24", "#e3e6ea"
VARIABLES = {
    **{colour: f"var(--{model})" for model, colour in COLOURS.items()},
    **{OTHER: "var(--other)", FAINT: "var(--faint)", INK: "var(--ink)", LINE: "var(--line)"},
}
"""What stands for each in a page, whose style sheet names it once for light and once for dark."""
