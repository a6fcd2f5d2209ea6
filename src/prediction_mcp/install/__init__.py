"""Into the settings of other programs: what is added to which client's file, and taken away again."""
