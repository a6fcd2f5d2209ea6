"""What is done, without MCP: used by tools, command line, web page and worker alike."""
