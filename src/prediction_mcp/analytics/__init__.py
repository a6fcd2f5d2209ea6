"""Pure functions over prices, books and fills. No I/O; every formula stands in its docstring."""
