"""How pictures look: a light ground of their own, and colours that colour-blind eyes tell apart.

Each line contrasts with the ground by more than 3 to 1, each text by more than 4.5 to 1.
"""

GROUND, INK, QUIET, LINE, BAND, BARS = "#fcfcfa", "#22252a", "#5d646e", "#0b5cad", "#7fb2e5", "#8a6d1b"
GRID, RULE = "#d9dce0", "#8d949d"
BUY, SELL = "#0b5cad", "#a4480f"
WIDTH, HEIGHT = 880.0, 495.0
"""Pixels."""
LONGEST_TITLE = 90
