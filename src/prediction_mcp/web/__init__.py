"""A page for people beside the MCP server over HTTP: what goes on, and the brakes. Knows nothing of MCP."""

ROUTES = {
    ("GET", "/"): "show", ("GET", "/dashboard/parts"): "parts", ("GET", "/dashboard/static/{name}"): "static",
    ("POST", "/dashboard/login"): "login", ("POST", "/dashboard/logout"): "logout",
    ("POST", "/dashboard/halt"): "halt", ("POST", "/dashboard/resume"): "resume",
}  # fmt: skip
"""The dashboard's methods by method and path; here, since the server names them before it loads the page."""
