"""What works while nobody looks: a worker, alerts, standing orders, messages. Knows no MCP."""
