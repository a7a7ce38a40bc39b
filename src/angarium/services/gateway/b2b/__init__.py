"""The B2B surface: email to people who are not stored, with content that comes along."""
