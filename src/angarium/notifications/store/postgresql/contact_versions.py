"""The versions that users have reached, on PostgreSQL."""

RAISE_CONTACT_VERSIONS = """
INSERT INTO contact_versions AS known (tenant, user_id, version)
SELECT $1::text, * FROM unnest($2::uuid[], $3::integer[])
ON CONFLICT (user_id) DO UPDATE SET version = excluded.version WHERE known.version < excluded.version
"""
"""The ids in ascending order, so that concurrent statements lock rows in the same order."""

CONTACT_VERSIONS = "SELECT user_id, version FROM contact_versions WHERE user_id = ANY($1::uuid[])"
