"""The Dataverse Web API over the row store: requests in, answers out; no server, no SQL."""
