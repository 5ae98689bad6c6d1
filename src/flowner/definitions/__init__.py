"""What a flow says: its trigger, its actions and the accounts they name."""
