"""What a query asks: the OData that row stores, triggers and the row law speak."""
