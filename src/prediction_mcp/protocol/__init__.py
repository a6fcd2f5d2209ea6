"""FastMCP's plumbing: toolsets, schemas, errors, parameters, the session, asking a person, push, auth."""
