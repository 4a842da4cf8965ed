"""People, roles, sessions, OAuth clients and sealing."""
