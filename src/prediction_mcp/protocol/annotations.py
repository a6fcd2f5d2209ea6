"""The annotations a tool can carry; each says the truth about what a call does."""

from __future__ import annotations

from mcp_types import ToolAnnotations

READS = ToolAnnotations(read_only_hint=True, open_world_hint=True)
"""Looks and changes nothing; the world it looks at changes by itself."""
PLACES = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=False, open_world_hint=True)
"""Spends money."""
ENDS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=True)
"""Takes something away; a second call changes nothing more."""
ARRANGES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
"""Changes something at the exchange that moves no money by itself."""
WATCHES = ToolAnnotations(read_only_hint=True, open_world_hint=True)
"""Looks, now or from now on; changes nothing outside of this server."""
BRAKES = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
"""Makes this server more careful, never less."""
WRITES_FILE = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
"""Changes nothing at the exchange; may make a new file."""
KEEPS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
"""Remembers what a person said, on this machine."""
KEEPS_EACH = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
"""Remembers what a person said, once more with each call; looks at the world for it."""
FORGETS = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
"""Forgets it again."""
