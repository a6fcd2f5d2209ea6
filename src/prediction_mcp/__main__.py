"""``python -m prediction_mcp`` is ``prediction-mcp``."""

from prediction_mcp.cli import main

main()
