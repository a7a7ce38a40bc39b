"""The B2B API: email to recipients who are not stored users, with content in the request."""
