"""A page for people beside the MCP server over HTTP: what goes on, and the brakes. Knows nothing of MCP."""
