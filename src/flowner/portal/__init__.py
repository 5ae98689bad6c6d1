"""The portal: web pages for people, rendered by the server."""
