"""How pictures look: a light ground of their own, and colours that colour-blind eyes tell apart."""

GROUND, INK, QUIET, LINE, BAND, BARS = "#fcfcfa", "#22252a", "#5d646e", "#0b5cad", "#7fb2e5", "#8a6d1b"
WIDTH, HEIGHT, DPI = 8.0, 4.5, 110
LONGEST_TITLE = 90
