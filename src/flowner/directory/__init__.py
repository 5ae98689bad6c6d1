"""People, groups and applications, and the tokens they sign in with."""
