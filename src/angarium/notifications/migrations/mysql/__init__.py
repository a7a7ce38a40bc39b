"""The baseline for MariaDB and MySQL, which replaces the first migrations."""
