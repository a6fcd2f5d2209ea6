"""The MCP tools: typed parameters, a pydantic result, one short description each."""
