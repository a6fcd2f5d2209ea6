"""The exchange's state in a file, so that paper money survives."""
